"""A grid filled from few of its points, with the error of what was interpolated measured on points held out."""

import itertools
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from scipy.interpolate import RBFInterpolator

from landscape.randomness import derive_seed
from landscape.surfaces.grid_values import GridValues

HELD_OUT = 24
"""Points of each check. If all pass, more than 12 % of the others are beyond the tolerance with at most 5 % chance."""
FEW_HELD_OUT, SMALL_GRID = 8, 200
"""The same on a grid of so many points: 31 % instead of 12 %."""
MOST_LOCAL = 1500
"""Points from which an interpolant is local, of so many neighbours:"""
NEIGHBORS = 60
GIVE_UP = 0.6
"""Share of the grid from which the rest is computed too."""
SLACK = 1.0
"""Of a logarithm, beyond those known, to which a prediction is held."""
WAYS: dict[str, tuple[Callable[[np.ndarray], np.ndarray], Callable[[np.ndarray, float], np.ndarray]]] = {
    "log": (lambda heights: heights, lambda values, low: values),
    "root": (lambda heights: np.exp(heights / 2), lambda values, low: 2 * np.log(np.maximum(values, low**0.5 / 2))),
    "plain": (np.exp, lambda values, low: np.log(np.maximum(values, low / 3))),
}
"""What of a loss is interpolated, from its logarithm, and the way back (given the lowest loss known)."""
DECADES = 12
"""Of a logarithm's range that counts: lower losses are drawn as this."""


@dataclass(frozen=True)
class Filled:
    """What filling a grid took, and how good it is.

    Attributes:
        computed: Points that were computed.
        points: Points of the grid.
        tolerance: The error asked for, as a share of the range of a loss's logarithm.
        errors: Of each column at the points of the last check, relative to its range (of an accuracy: to 1): the
            largest one. Empty where everything was computed.
        held_out: How many points that was.
        rounds: How often points were added.
        reason: Why it ended.
    """

    computed: int
    points: int
    tolerance: float
    errors: dict[str, float] = field(default_factory=dict)
    held_out: int = 0
    rounds: int = 0
    reason: str = ""


def fill_adaptively(values: GridValues, tolerance: float = 0.01, seed: int = 0, ceiling: float | None = None) -> Filled:
    r"""Compute as few points of a grid as the tolerance allows, interpolate the others in place, and say how well.

    The grid's points are nested: every other one of each axis is a coarser grid. It begins with five points an axis;
    the points halfway between are predicted by an interpolant (cubic radial functions of the loss, its root or its
    logarithm, whichever has predicted best) and computed; around those that the prediction missed by more than the
    tolerance, the next finer points follow. When none missed, random points that were not computed are, and must
    agree too; where they do not, they and their neighbours are added and it goes on.

    Args:
        values: The grid; its columns are complete afterwards, ``status`` says which points were computed.
        tolerance: Largest error of a loss at the points held out, as a share of the range of its logarithm over the
            grid.
        seed: Of the points held out.
        ceiling: Losses above count as this, as they are drawn.

    Returns:
        Points computed, and the errors measured.

    Cost:
        Points computed, each a forward pass over all examples; interpolation takes milliseconds.

    Pitfalls:
        A feature narrower than the coarsest grids and between all points held out is not seen: compute everything
        where that matters.
    """
    search = _Search(values, tolerance, seed, ceiling)
    return search.run()


class _Search:
    def __init__(self, values: GridValues, tolerance: float, seed: int, ceiling: float | None) -> None:
        self.values, self.tolerance, self.seed, self.ceiling = values, tolerance, seed, ceiling
        self.shape = values.grid.shape
        self.center = np.unravel_index(values.grid.center, self.shape)
        self.places = np.stack([each.ravel() for each in np.indices(self.shape)], axis=1)
        self.known = np.zeros(values.grid.size, dtype=bool)
        self.losses = [name for name in values.columns if name.endswith("_loss")]
        self.way: dict[str, str] = {}
        self.rounds = 0
        half = max((size - 1) // 2 for size in self.shape)
        self.step = max(1, 2 ** int(np.log2(max(half / 1.5, 1))))

    def run(self) -> Filled:
        self._add(self._lattice(self.step))
        around, step = self._lattice(max(self.step // 2, 1)), self.step // 2
        check = 0
        while True:
            while around and step >= 1:
                missed = self._add(around)
                step //= 2
                around = self._children(missed, step) if step else []
            unknown = np.flatnonzero(~self.known)
            if not len(unknown) or self.known.mean() > GIVE_UP:
                return self._everything()
            draw = np.random.default_rng(derive_seed(self.seed, "held-out grid points", check))
            held = draw.choice(
                unknown, min(HELD_OUT if len(self.known) > SMALL_GRID else FEW_HELD_OUT, len(unknown)), replace=False
            )
            errors = self._predict_and_compute(held, choose=False)
            self.known[held] = True
            check += 1
            worst = {name: float(each.max()) for name, each in errors.items()}
            bad = held[np.max([errors[name] for name in self.losses], axis=0) > self.tolerance]
            if not len(bad):
                self._interpolate()
                return self._filled(worst, len(held), "every point held out agreed")
            step = 2
            around = self._children(bad, step)

    def _everything(self) -> Filled:
        self.values.need_all()
        return self._filled({}, 0, "everything was computed")

    def _filled(self, errors: dict[str, float], held: int, reason: str) -> Filled:
        count = int(self.values.computed.sum())
        return Filled(count, len(self.known), self.tolerance, errors, held, self.rounds, reason)

    def _lattice(self, step: int) -> list[int]:
        """Return the points a number of steps from the middle along every axis, and those of the ends."""
        axes = [
            sorted({0, size - 1, *range(middle % step, size, step)})
            for size, middle in zip(self.shape, self.center, strict=True)
        ]
        return [int(np.ravel_multi_index(place, self.shape)) for place in itertools.product(*axes)]

    def _children(self, indices: np.ndarray, step: int) -> list[int]:
        """Return the points around some, at a distance of ``step`` along every axis or none."""
        offsets = np.array([each for each in itertools.product((-step, 0, step), repeat=len(self.shape)) if any(each)])
        near = (self.places[indices][:, None] + offsets[None]).reshape(-1, len(self.shape))
        near = np.clip(near, 0, np.array(self.shape) - 1)
        found = np.unique(np.ravel_multi_index(tuple(near.T), self.shape))
        return [int(index) for index in found if not self.known[index]]

    def _add(self, indices: list[int]) -> np.ndarray:
        """Compute points and return those that the others had not predicted."""
        new = np.array([index for index in indices if not self.known[index]], dtype=int)
        self.rounds += 1
        if not self.known.any():
            self.values.need(new)
            self.known[new] = True
            return new
        errors = self._predict_and_compute(new) if len(new) else {}
        self.known[new] = True
        if not errors:
            return new
        missed: np.ndarray = new[np.max([errors[name] for name in self.losses], axis=0) > self.tolerance]
        return missed

    def _predict_and_compute(self, indices: np.ndarray, *, choose: bool = True) -> dict[str, np.ndarray]:
        """Return by how much each column was mispredicted, relative to its range.

        Whether losses are interpolated as they are, by their roots or their logarithms is chosen by what predicts best;
        not on points held out, whose errors would not be honest then.
        """
        guesses = {
            name: {way: self._predicted(name, indices, way) for way in self._ways(name, choose)}
            for name in self.values.columns
        }
        self.values.need(int(index) for index in indices)
        errors = {}
        for name, ways in guesses.items():
            scale = 1.0 if name.endswith("_accuracy") else float(np.ptp(self._height(name, self.known))) or 1.0
            truth = self._height(name, indices)
            missed = {way: np.abs(truth - guess) / scale for way, guess in ways.items()}
            self.way[name] = min(missed, key=lambda way: float(missed[way].max()))
            errors[name] = missed[self.way[name]]
        return errors

    def _ways(self, name: str, choose: bool) -> list[str]:
        if not self._log(name):
            return ["plain"]
        return list(WAYS) if choose else [self.way.get(name, "log")]

    def _interpolate(self) -> None:
        unknown = np.flatnonzero(~self.known)
        filled = {name: self._predicted(name, unknown, self._ways(name, False)[0]) for name in self.values.columns}
        for name, heights in filled.items():
            back = np.exp(heights) if self._log(name) else heights
            if name.endswith("_accuracy"):
                back = np.clip(back, 0, 1)
            self.values.columns[name][unknown] = np.maximum(back, 0) if name.endswith("_error") else back
        # points of an earlier process that this search had no need of were computed all the same
        self.values.status[unknown] = 0

    def _predicted(self, name: str, indices: np.ndarray, way: str) -> np.ndarray:
        """Return the heights of points by an interpolant of those known."""
        there, back = WAYS[way]
        heights = self._height(name, self.known)
        local = NEIGHBORS if len(heights) > MOST_LOCAL else None
        unit = float(max(self.shape))
        known = heights if way == "plain" and not self._log(name) else there(heights)
        interpolant = RBFInterpolator(self.places[self.known] / unit, known, local, kernel="cubic", degree=1)
        predicted: np.ndarray = interpolant(self.places[indices] / unit)
        if not self._log(name):
            return predicted
        lowest, highest = float(heights.min()), float(heights.max())
        clipped: np.ndarray = np.clip(back(predicted, np.exp(lowest)), lowest - SLACK, highest + SLACK)
        return clipped

    def _log(self, name: str) -> bool:
        column = self.values.columns[name][self.known]
        return name in self.losses and bool((column[np.isfinite(column)] >= 0).all())

    def _height(self, name: str, which: np.ndarray) -> np.ndarray:
        """Return values as they are interpolated: logarithms of losses, within the range that is drawn."""
        known, column = self.values.columns[name][self.known], self.values.columns[name][which]
        finite = known[np.isfinite(known)]
        top = float(finite.max()) if finite.size else 1.0
        if self.ceiling is not None and name in self.losses:
            top = min(top, max(self.ceiling, float(finite.min())))
        column = np.where(np.isnan(column), np.inf, column)
        if not self._log(name):
            return np.minimum(column, top)
        heights: np.ndarray = np.log(np.clip(column, (top or 1.0) * 10.0**-DECADES, top or 1.0))
        return heights
