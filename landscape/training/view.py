"""What is seen of a training between two stretches of its steps."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import torch
from torch import nn

from landscape.errors import ProblemError
from landscape.stops import MATCHED, epoch_stop
from landscape.training.crossing import Stretch, crossings
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
        points: What was kept on the way here, by the name of its stop: the first crossing of each target loss, once
            there was one, and chosen epochs.
        diverged: Why training ends here, or "".
    """

    run: Run
    row: HistoryRow
    bound: float
    points: Mapping[str, Snapshot] = field(default_factory=dict)
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
    def matched(self) -> Snapshot | None:
        """The first crossing of the target loss, once there was one."""
        return self.points.get(MATCHED)

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
    reached = _reached(run, row, {})
    return TrainingView(run, row, bound, {stop: _snapshot_of_row(run, row, each) for stop, each in reached.items()})


def state_to_rewind(view: TrainingView, last: int) -> LiveState | None:
    """Return the live state where the steps up to ``last`` may have to be taken again to find a crossing."""
    watched = view.run.config.targets.keys() - view.points.keys()
    return capture(view.run) if watched and last - view.step > 1 else None


def next_view(previous: TrainingView, before: LiveState | None, last: int, seconds: float) -> TrainingView:
    """Return what is seen after the steps up to ``last``, which took so many seconds.

    Args:
        previous: What was seen before them.
        before: What `state_to_rewind` gave before them.
        last: Steps taken.
        seconds: Of these steps.
    """
    run, points = previous.run, previous.points
    row = _row(run, last, previous.row.seconds + seconds, taken=last - previous.step)
    if not row.train_loss <= previous.bound:
        return TrainingView(run, row, previous.bound, points, _divergence(row, previous.bound))
    reached = _reached(run, row, points)
    if reached:
        points = {**points, **_crossed(run, before, previous.row, row, reached)}
    if row.epoch in run.config.at_epochs:
        points = {**points, epoch_stop(int(row.epoch)): _snapshot_of_row(run, row)}
    return TrainingView(run, row, previous.bound, points)


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


def _reached(run: Run, row: HistoryRow, points: Mapping[str, Snapshot]) -> dict[str, float]:
    """Return the targets that are reached for the first time, by the name of their stop."""
    targets = run.config.targets
    return {stop: each for stop, each in targets.items() if stop not in points and row.train_loss <= each}


def _crossed(
    run: Run, before: LiveState | None, previous: HistoryRow, row: HistoryRow, targets: Mapping[str, float]
) -> dict[str, Snapshot]:
    if before is None:
        return {stop: _snapshot_of_row(run, row, target=each) for stop, each in targets.items()}
    stretch = Stretch(before, previous.step, row.step, (previous.seconds, row.seconds))
    found = crossings(run, stretch, list(targets.values()))
    return {stop: found[each] for stop, each in targets.items()}


def _snapshot_of_row(run: Run, row: HistoryRow, target: float | None = None) -> Snapshot:
    train = Scores(row.train_loss, row.train_accuracy)
    test = Scores(row.test_loss, row.test_accuracy)
    return take_snapshot(run, row.step, row.seconds, train, test, target=target)


def _divergence(row: HistoryRow, bound: float) -> str:
    return (
        f"The training loss is {row.train_loss:g} after {row.epoch:g} epochs (step {row.step}); "
        f"above {bound:g} a run counts as diverged. Try a lower learning rate."
    )
