"""The first steps at which the training loss is at or below its targets."""

import math
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import TypeVar

from landscape.training.determinism import repeatable
from landscape.training.evaluation import Scores
from landscape.training.rewind import LiveState, capture, restore
from landscape.training.run import Run, clear_gradients, take_steps
from landscape.training.snapshot import Snapshot, take_snapshot

EVERY_STEP = 64
"""Longest stretch of steps that is evaluated after every step; a longer one is searched in two passes."""

NOT_REPEATED = (
    "The device did not repeat the epoch bit for bit and the crossing was not seen again: this is the end of that "
    "epoch."
)

T = TypeVar("T")


@dataclass(frozen=True)
class Stretch:
    """Steps between two evaluations that can be taken again.

    Attributes:
        before: The live state at its first step, the start of an epoch.
        first: Steps taken there.
        last: Steps taken at its end.
        seconds: Training time at ``first`` and at ``last``.
    """

    before: LiveState
    first: int
    last: int
    seconds: tuple[float, float]

    def snapshot(self, run: Run, step: int, scores: Scores, target: float, note: str = "") -> Snapshot:
        """Return the live point after ``step`` steps, copied; its time is interpolated."""
        share = (step - self.first) / (self.last - self.first)
        when = self.seconds[0] + share * (self.seconds[1] - self.seconds[0])
        return take_snapshot(run, step, when, scores, run.evaluate_test(), target=target, note=note)


def crossings(run: Run, stretch: Stretch, targets: Collection[float]) -> dict[float, Snapshot]:
    r"""Return, for each target, the first point in a stretch of steps whose training loss is at or below it.

    The steps are taken again from the start of the stretch, bit-identically and for all targets at once, and evaluated
    over the whole training set in evaluation mode; then the live state is put back to where it was. Up to 64 steps
    every one is evaluated. Of more, every $\sqrt{n}$-th is evaluated, and then, for each target, every one between the
    first of these at or below it and its predecessor: a dip shorter than that is missed.

    Args:
        run: Live at the end of the stretch, with a training loss at or below all targets.
        stretch: The steps.
        targets: Training losses.

    Returns:
        A point for each target.

    Cost:
        An evaluation of the training set for each step tried, at most 64, or $\sqrt{n}$ and as many again for each
        target; and the steps again, at most twice.
    """
    after = capture(run)
    found = _search(run, stretch, targets)
    for target in targets:
        if target not in found:
            restore(run, after)
            found[target] = stretch.snapshot(run, stretch.last, run.evaluate_train(), target, NOT_REPEATED)
    restore(run, after)
    clear_gradients(run)
    return found


def _search(run: Run, stretch: Stretch, targets: Collection[float]) -> dict[float, Snapshot]:
    """Return the first step at or below each target, where it is seen again; the run is left anywhere."""
    first, last = stretch.first, stretch.last

    def take(step: int, scores: Scores, target: float) -> Snapshot:
        return stretch.snapshot(run, step, scores, target)

    if last - first <= EVERY_STEP:
        return _replay(run, stretch, dict.fromkeys(targets, range(first + 1, last + 1)), take)
    stride = math.isqrt(last - first)
    every = {*range(first + stride, last, stride), last}
    coarse = _replay(run, stretch, dict.fromkeys(targets, every), lambda step, scores, target: step)
    fine = {target: range(max(step - stride, first) + 1, step + 1) for target, step in coarse.items()}
    return _replay(run, stretch, fine, take) if fine else {}


def _replay(
    run: Run, stretch: Stretch, tried: Mapping[float, Collection[int]], take: Callable[[int, Scores, float], T]
) -> dict[float, T]:
    """Take the steps again until each target is met at one of the steps tried for it; return what is taken there."""
    restore(run, stretch.before)
    found: dict[float, T] = {}
    with repeatable(run.device):
        for step in take_steps(run, stretch.first, stretch.last):
            pending = [target for target, steps in tried.items() if target not in found and step in steps]
            if pending:
                scores = run.evaluate_train()
                found |= {target: take(step, scores, target) for target in pending if scores.loss <= target}
            if len(found) == len(tried):
                break
    return found
