"""The first step at which the training loss is at or below its target."""

import math
from collections.abc import Collection

from landscape.training.determinism import repeatable
from landscape.training.evaluation import Scores
from landscape.training.rewind import LiveState, capture, restore
from landscape.training.run import Run, clear_gradients, take_steps
from landscape.training.snapshot import Snapshot, take_snapshot

EVERY_STEP = 64
"""Longest stretch of steps that is evaluated after every step; a longer one is searched in two passes."""


def matched_snapshot(run: Run, before: LiveState, first: int, last: int, seconds: tuple[float, float]) -> Snapshot:
    r"""Return the first point in the steps after ``first`` up to ``last`` whose training loss is at or below target.

    The steps are taken again from ``before``, bit-identically, and evaluated over the whole training set in
    evaluation mode; then the live state is put back to where it was. Up to 64 steps every one is evaluated.
    Of more, every $\sqrt{n}$-th is evaluated, and then every one between the first of these at or below the
    target and its predecessor: a dip shorter than that is missed.

    Args:
        run: Live after step ``last``, with a training loss at or below the target.
        before: Its state at step ``first``, the start of an epoch.
        first: Step of ``before``.
        last: Step of the live state.
        seconds: Training time at ``first`` and at ``last``.

    Cost:
        An evaluation of the training set for each step tried, at most 64 or $2\sqrt{n}$, and the steps again.
    """
    after = capture(run)
    found = _search(run, before, first, last)
    note = ""
    if found is None:
        restore(run, after)
        found = last, run.evaluate_train()
        note = (
            "The device did not repeat the epoch bit for bit and the crossing was not seen again: "
            "this is the end of that epoch."
        )
    step, scores = found
    share = (step - first) / (last - first)
    when = seconds[0] + share * (seconds[1] - seconds[0])
    snapshot = take_snapshot(run, step, when, scores, run.evaluate_test(), target=run.config.target_loss, note=note)
    restore(run, after)
    clear_gradients(run)
    return snapshot


def _search(run: Run, before: LiveState, first: int, last: int) -> tuple[int, Scores] | None:
    """Leave the run at the first step at or below the target and return it, or None."""
    if last - first <= EVERY_STEP:
        return _replay(run, before, first, last, range(first + 1, last + 1))
    stride = math.isqrt(last - first)
    coarse = _replay(run, before, first, last, {*range(first + stride, last, stride), last})
    if coarse is None:
        return None
    return _replay(run, before, first, coarse[0], range(max(coarse[0] - stride, first) + 1, coarse[0] + 1))


def _replay(run: Run, before: LiveState, first: int, last: int, tried: Collection[int]) -> tuple[int, Scores] | None:
    """Take the steps again up to the first tried one at or below the target."""
    target = run.config.target_loss
    restore(run, before)
    with repeatable(run.device):
        for step in take_steps(run, first, last):
            if step in tried and target is not None:
                scores = run.evaluate_train()
                if scores.loss <= target:
                    return step, scores
    return None
