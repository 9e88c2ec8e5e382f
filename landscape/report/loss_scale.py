"""One colour scale for all slices of a report: its range, whether it is logarithmic, and its contour levels."""

import math
from dataclasses import dataclass

import numpy as np

from landscape.report.folder import Array, Slice
from landscape.report.numbers import number

KINDS = ("train", "test")
LOG_FROM = 30.0  # ratio of the highest to the lowest loss from which a linear scale shows one colour and a rim
ABOVE_CENTER, DECADES = 1e4, 6  # what lies further from the trained points is clipped, so that they keep some colours

MARGIN = 0.03  # of the range, at either end, without a contour line


@dataclass(frozen=True)
class LossScale:
    """The loss range that colours and heights of every panel share.

    Attributes:
        low: Loss of the darkest colour.
        high: Loss of the brightest one; higher and infinite losses are drawn as this.
        log: Whether colours and heights go by the logarithm of the loss.
        levels: Losses of the contour lines, within the range.
        notes: Sentences on what was clipped and on the logarithm.
    """

    low: float
    high: float
    log: bool
    levels: tuple[float, ...]
    notes: tuple[str, ...]

    def clipped(self, losses: Array) -> Array:
        """Return ``losses`` within the range; what is not a finite number counts as the highest."""
        return np.clip(np.where(np.isnan(losses), np.inf, losses), self.low, self.high)

    def height(self, losses: Array | float) -> Array:
        """Return the clipped losses as heights: their decimal logarithm on a logarithmic scale."""
        clipped = self.clipped(np.asarray(losses, dtype=np.float64))
        return np.log10(clipped) if self.log else clipped


def loss_scale(slices: list[Slice]) -> LossScale | None:
    """Return the scale that all ``slices`` share, or None when they hold no finite loss."""
    losses = np.concatenate([each.losses(kind).ravel() for each in slices for kind in KINDS] or [np.array([])])
    return common_scale(losses, [each.center(kind) for each in slices for kind in KINDS])


def common_scale(losses: Array, centers: list[float]) -> LossScale | None:
    """Return the scale of some losses, given those of the trained points, or None when none is finite."""
    finite = losses[np.isfinite(losses)]
    if not finite.size:
        return None
    low, high = float(finite.min()), float(finite.max())
    positive = finite[finite > 0]
    log = low >= 0 and bool(positive.size) and high >= LOG_FROM * max(low, float(positive.min()))
    notes = []
    if log:
        top = max((center for center in centers if math.isfinite(center) and center > 0), default=high)
        high = min(high, ABOVE_CENTER * top)
        low = max(float(positive.min()), high * 10.0**-DECADES)
        notes.append("Colours and heights go by the logarithm of the loss.")
    elif high - low <= 1e-12 * abs(high):
        high = low + (abs(low) or 1.0)  # a constant loss still needs a range
    notes += _clip_notes(losses, finite, low, high)
    return LossScale(low, high, log, _levels(low, high, log), tuple(notes))


def _clip_notes(losses: Array, finite: Array, low: float, high: float) -> list[str]:
    notes = []
    infinite = losses.size - finite.size
    if infinite:
        notes.append(
            f"{infinite} of {losses.size} grid points have an infinite or undefined loss, drawn as the highest."
        )
    above, below = int((finite > high).sum()), int((finite < low).sum())
    if above:
        notes.append(f"Losses above {number(high)} ({above} grid points) are drawn as {number(high)}.")
    if below:
        notes.append(f"Losses below {number(low)} ({below} grid points) are drawn as {number(low)}.")
    return notes


def _levels(low: float, high: float, log: bool) -> tuple[float, ...]:
    """Return five to ten round numbers strictly between ``low`` and ``high``."""
    if not log:
        step = _round_step((high - low) / 8)
        first = math.floor(low / step) + 1
        found = [round(index * step, 12) for index in range(first, first + 20)]
        return _inside(found, low, high)
    exponents = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    choices = [
        [mantissa * 10.0**exponent for exponent in exponents for mantissa in mantissas]
        for mantissas in ((1.0, 1.5, 2.0, 3.0, 5.0, 7.0), (1.0, 2.0, 5.0), (1.0, 3.0), (1.0,))
    ]
    span = math.log10(high / low)
    inside = [_inside(choice, low * 10 ** (MARGIN * span), high * 10 ** (-MARGIN * span), 0.0) for choice in choices]
    return next((levels for levels in inside if len(levels) <= 12), inside[-1])


def _inside(levels: list[float], low: float, high: float, margin: float = MARGIN) -> tuple[float, ...]:
    """Return the levels that are not so close to an end of the range that their labels would meet."""
    pad = margin * (high - low)
    return tuple(float(f"{level:.6g}") for level in levels if low + pad < level < high - pad)


def _round_step(step: float) -> float:
    """Return the next of 1, 2, 2.5, 5 times a power of ten."""
    power = 10.0 ** math.floor(math.log10(step))
    return next(mantissa * power for mantissa in (1, 2, 2.5, 5, 10) if mantissa * power >= step * 0.999)
