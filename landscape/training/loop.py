"""Training as an iteration over evaluations: what `train` is made of, and curvature tracking too."""

import math
import time
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import nn

from landscape.data import DataSet
from landscape.errors import ProblemError
from landscape.training.config import TrainingConfig
from landscape.training.crossing import matched_snapshot
from landscape.training.determinism import repeatable
from landscape.training.evaluation import LossFunction, Scores
from landscape.training.history import HistoryRow
from landscape.training.optimizer_state import OptimizerState
from landscape.training.prepare import prepare_run
from landscape.training.rewind import LiveState, capture
from landscape.training.run import Run, clear_gradients, take_steps, warm_up
from landscape.training.snapshot import Snapshot, take_snapshot


@dataclass(frozen=True)
class TrainingView:
    """A training between two stretches of steps: look, but leave the parameters alone.

    Args:
        run: What is live: ``run.model``, ``run.optimizer``, ``run.parameters``, ``run.train``.
        row: The evaluation at this point.
        matched: The first crossing of the target loss, once there was one.
        diverged: Why training ends here, or "".
    """

    run: Run
    row: HistoryRow
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


def training_steps(
    model: nn.Module,
    loss: LossFunction,
    dataset: DataSet,
    config: TrainingConfig,
    *,
    device: torch.device | str,
    dtype: torch.dtype = torch.float32,
) -> Iterator[TrainingView]:
    r"""Return the views of a training: before it, and after every ``evaluate_every`` epochs.

    The model is trained in place. It is bit-identical for the same seed on the same device, whatever is done
    between two views, as long as parameters, buffers and optimizer are left alone; torch's global random state is
    as it was. The last view says if training diverged.

    The *matched minimum* is the first step at which the mean loss over the whole training set, in evaluation
    mode, is at or below ``config.target_loss``. The loss is evaluated at the views; the first stretch that ends
    at or below the target is taken again from its start, with an evaluation after every step (every
    $\sqrt{n}$-th first, where the stretch has more than 64).

    Args:
        model: Trained in place, moved to ``device`` and ``dtype``; all of it in training mode while it trains.
        loss: Function of (outputs, targets) giving the mean over examples.
        dataset: Training and test examples, copied to the device.
        config: How to train.
        device: Where.
        dtype: Precision of parameters and inputs.

    Yields:
        The training at rest, live: valid until the next view is asked for.

    Raises:
        ProblemError: If the loss is not finite before training, nothing is trainable, or the model, its loss or
            the optimizer raises.
        UsageError: If the model has fewer outputs than the data set has classes.

    Pitfalls:
        A dip of the training loss below the target inside a stretch that ends above it is not seen.
    """
    modes = [(module, module.training) for module in model.modules()]
    try:
        run = prepare_run(model, loss, dataset, config, device=torch.device(device), dtype=dtype)
        yield from _views(run)
    finally:
        for module, training in modes:
            module.training = training


def _views(run: Run) -> Iterator[TrainingView]:
    row, matched = _row(run, 0, 0.0, taken=0), None
    if not math.isfinite(row.train_loss):
        raise ProblemError(f"The training loss is {row.train_loss} before training. Check the data and the model.")
    bound = run.config.max_loss or 1000 * max(1.0, row.train_loss)
    if _reached(run, row):
        matched = _snapshot_of_row(run, row, target=run.config.target_loss)
    yield TrainingView(run, row, matched)
    warm_up(run)
    for first, last in _stretches(run):
        watched = run.config.target_loss is not None and matched is None
        before = capture(run) if watched and last - first > 1 else None
        seconds = row.seconds + _timed_steps(run, first, last)
        previous, row = row, _row(run, last, seconds, taken=last - first)
        if not row.train_loss <= bound:
            yield TrainingView(run, row, matched, _divergence(row, bound))
            return
        if watched and _reached(run, row):
            matched = _matched(run, before, previous, row)
        yield TrainingView(run, row, matched)


def _stretches(run: Run) -> Iterator[tuple[int, int]]:
    """Go through the (first, last) steps between evaluations."""
    total, length = len(run.learning_rates), run.config.evaluate_every * run.steps_per_epoch
    for first in range(0, total, length):
        yield first, min(first + length, total)


def _timed_steps(run: Run, first: int, last: int) -> float:
    """Take the steps and return their seconds, the device's work included."""
    run.norms.zero_()
    _synchronize(run.device)
    start = time.perf_counter()
    with repeatable(run.device):
        for _ in take_steps(run, first, last):
            pass
    _synchronize(run.device)
    seconds = time.perf_counter() - start
    clear_gradients(run)
    return seconds


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


def _synchronize(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    elif device.type == "mps":
        torch.mps.synchronize()
