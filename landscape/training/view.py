"""What is seen of a training between two stretches of its steps."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import nn

from landscape.errors import ProblemError
from landscape.training.crossing import matched_snapshot
from landscape.training.evaluation import Scores
from landscape.training.history import HistoryRow
from landscape.training.optimizer_state import OptimizerState
from landscape.training.rewind import LiveState, capture
from landscape.training.run import Run
from landscape.training.snapshot import Snapshot, take_snapshot


@dataclass(frozen=True)
class TrainingView:
    """A training between two stretches of steps: look, but leave the parameters alone.

    Args:
        run: What is live: ``run.model``, ``run.optimizer``, ``run.parameters``, ``run.train``.
        row: The evaluation at this point.
        bound: Training loss above which the run counts as diverged.
        matched: The first crossing of the target loss, once there was one.
        diverged: Why training ends here, or "".
    """

    run: Run
    row: HistoryRow
    bound: float
    matched: Snapshot | None = None
    diverged: str = ""

    @property
    def step(self) -> int:
        """Optimizer steps taken."""
        return self.row.step

    @property
    def epoch(self) -> float:
        """Passes over the training set."""
        return self.row.epoch

    @property
    def model(self) -> nn.Module:
        """The live model."""
        return self.run.model

    @property
    def optimizer(self) -> torch.optim.Optimizer:
        """The live optimizer."""
        return self.run.optimizer

    def optimizer_state(self) -> OptimizerState:
        """Return the optimizer's state at this point, copied."""
        return self.run.optimizer_state(self.step)

    def snapshot(self) -> Snapshot:
        """Return this point, copied."""
        return _snapshot_of_row(self.run, self.row)


def stretches(run: Run) -> Iterator[tuple[int, int]]:
    """Go through the (first, last) steps between evaluations."""
    total, length = len(run.learning_rates), run.config.evaluate_every * run.steps_per_epoch
    for first in range(0, total, length):
        yield first, min(first + length, total)


def first_view(run: Run) -> TrainingView:
    """Return what is seen before the first step.

    Raises:
        ProblemError: If the loss is not finite.
    """
    row = _row(run, 0, 0.0, taken=0)
    if not math.isfinite(row.train_loss):
        raise ProblemError(f"The training loss is {row.train_loss} before training. Check the data and the model.")
    bound = run.config.max_loss or 1000 * max(1.0, row.train_loss)
    target = run.config.target_loss
    return TrainingView(run, row, bound, _snapshot_of_row(run, row, target) if _reached(run, row) else None)


def state_to_rewind(view: TrainingView, last: int) -> LiveState | None:
    """Return the live state where the steps up to ``last`` may have to be taken again to find the crossing."""
    watched = view.run.config.target_loss is not None and view.matched is None
    return capture(view.run) if watched and last - view.step > 1 else None


def next_view(previous: TrainingView, before: LiveState | None, last: int, seconds: float) -> TrainingView:
    """Return what is seen after the steps up to ``last``, which took so many seconds.

    Args:
        previous: What was seen before them.
        before: What `state_to_rewind` gave before them.
        last: Steps taken.
        seconds: Of these steps.
    """
    run, matched = previous.run, previous.matched
    row = _row(run, last, previous.row.seconds + seconds, taken=last - previous.step)
    if not row.train_loss <= previous.bound:
        return TrainingView(run, row, previous.bound, matched, _divergence(row, previous.bound))
    if matched is None and _reached(run, row):
        matched = _matched(run, before, previous.row, row)
    return TrainingView(run, row, previous.bound, matched)


def _row(run: Run, step: int, seconds: float, taken: int) -> HistoryRow:
    train, test = run.evaluate_train(), run.evaluate_test()
    return HistoryRow(
        epoch=run.epochs_at(step),
        step=step,
        seconds=seconds,
        train_loss=train.loss,
        test_loss=test.loss,
        train_accuracy=train.accuracy,
        test_accuracy=test.accuracy,
        gradient_norm=float(run.norms) / taken if taken else None,
        learning_rate=run.learning_rates[max(step - 1, 0)],
    )


def _reached(run: Run, row: HistoryRow) -> bool:
    return run.config.target_loss is not None and row.train_loss <= run.config.target_loss


def _matched(run: Run, before: LiveState | None, previous: HistoryRow, row: HistoryRow) -> Snapshot:
    if before is None:
        return _snapshot_of_row(run, row, target=run.config.target_loss)
    return matched_snapshot(run, before, previous.step, row.step, (previous.seconds, row.seconds))


def _snapshot_of_row(run: Run, row: HistoryRow, target: float | None = None) -> Snapshot:
    train = Scores(row.train_loss, row.train_accuracy)
    test = Scores(row.test_loss, row.test_accuracy)
    return take_snapshot(run, row.step, row.seconds, train, test, target=target)


def _divergence(row: HistoryRow, bound: float) -> str:
    return (
        f"The training loss is {row.train_loss:g} after {row.epoch:g} epochs (step {row.step}); "
        f"above {bound:g} a run counts as diverged. Try a lower learning rate."
    )
