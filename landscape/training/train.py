"""One whole training and what comes of it."""

import itertools
import math
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from landscape.data import DataSet
from landscape.stops import MATCHED
from landscape.training.averaged_minima import averaged_snapshots
from landscape.training.config import TrainingConfig
from landscape.training.evaluation import LossFunction
from landscape.training.history import Cost, HistoryRow, Speed
from landscape.training.loop import training_steps
from landscape.training.optimizer_state import state_bytes
from landscape.training.run import Run
from landscape.training.snapshot import Snapshot, copy_state_dict
from landscape.training.view import TrainingView


@dataclass(frozen=True)
class TrainingResult:
    """What came of a training.

    Args:
        status: ``"finished"`` or ``"diverged"``.
        message: Why it diverged, or "".
        history: An evaluation a row, the first before training; the last of a diverged run may not be finite.
        points: What was kept along the way, by the name of its stop: the first crossing of each target loss that was
            reached, and chosen epochs.
        end: The end of training; None if it diverged.
        cost: Seconds per epoch and memory.
        speed_to_loss: What the first crossing of the target loss took, or None.
        speed_to_accuracy: What the first evaluation at or above the target test accuracy took, or None.
        averages: The minimum of each average of the weights at the end, by name; none if training diverged.
    """

    status: str
    message: str
    history: tuple[HistoryRow, ...]
    points: Mapping[str, Snapshot]
    end: Snapshot | None
    cost: Cost
    speed_to_loss: Speed | None
    speed_to_accuracy: Speed | None
    averages: Mapping[str, Snapshot] = field(default_factory=dict)

    @property
    def matched(self) -> Snapshot | None:
        """The first crossing of the target loss; None if it was never reached or there was no target."""
        return self.points.get(MATCHED)


def train(
    model: nn.Module,
    loss: LossFunction,
    dataset: DataSet,
    config: TrainingConfig,
    *,
    device: torch.device | str,
    dtype: torch.dtype = torch.float32,
    on_progress: Callable[[int, int], None] | None = None,
    keep: int = 0,
    on_checkpoint: Callable[[int, Mapping[str, Tensor]], None] | None = None,
) -> TrainingResult:
    """Return the history, minima, cost and speed of one training; the model is trained in place.

    Args:
        model: See `training_steps`, likewise for the others.
        loss: Function of (outputs, targets) giving the mean over examples.
        dataset: Training and test examples.
        config: How to train.
        device: Where.
        dtype: Precision of parameters and inputs.
        on_progress: Called with (steps taken, steps in all) after every evaluation.
        keep: How many points along the way to hand out, spread evenly over the evaluations, with both ends.
        on_checkpoint: Takes each of these as (steps taken, state dict copied to the CPU).

    Example:
        >>> import torch
        >>> from landscape.data import load_dataset
        >>> model = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(64, 10))
        >>> config = TrainingConfig("sgd", lr=0.1, epochs=2)
        >>> loss = torch.nn.functional.cross_entropy
        >>> result = train(model, loss, load_dataset("digits"), config, device="cpu")
        >>> result.status, len(result.history), result.end.step
        ('finished', 3, 42)
    """
    rows = []
    for view in training_steps(model, loss, dataset, config, device=device, dtype=dtype):
        rows.append(view.row)
        if on_progress is not None:
            on_progress(view.step, len(view.run.learning_rates))
        if on_checkpoint is not None and is_kept(view, keep):
            on_checkpoint(view.step, copy_state_dict(view.model))
    return result_of(view, rows)


def result_of(view: TrainingView, rows: Sequence[HistoryRow]) -> TrainingResult:
    """Return what came of a training from its last view and all rows."""
    return TrainingResult(
        status="diverged" if view.diverged else "finished",
        message=view.diverged,
        history=tuple(rows),
        points=view.points,
        end=None if view.diverged else view.snapshot(),
        cost=_cost(view, rows),
        speed_to_loss=_speed_to_loss(view.matched),
        speed_to_accuracy=_speed_to_accuracy(view.run, rows),
        averages={} if view.diverged else averaged_snapshots(view.run, view.row),
    )


def is_kept(view: TrainingView, keep: int) -> bool:
    """Return whether a view is the first at or after one of ``keep`` evenly spaced steps, both ends among them."""
    total = len(view.run.learning_rates)
    length = view.run.config.evaluate_every * view.run.steps_per_epoch
    if keep < 2 or view.diverged:
        return False
    wanted = {math.ceil(index * total / (keep - 1) / length - 1e-9) * length for index in range(keep)}
    return view.step in {min(step, total) for step in wanted}


def _cost(view: TrainingView, rows: Sequence[HistoryRow]) -> Cost:
    """Return the cost; the first stretch pays for starting up and is left out where there are more."""
    each = [(b.seconds - a.seconds) / (b.epoch - a.epoch) for a, b in itertools.pairwise(rows)]
    count = sum(each.numel() for each in view.run.parameters)
    return Cost(statistics.median(each[1:] or each), state_bytes(view.optimizer), count)


def _speed_to_loss(matched: Snapshot | None) -> Speed | None:
    if matched is None or matched.target is None:
        return None
    return Speed(matched.target, matched.epoch, matched.step, matched.examples, matched.seconds)


def _speed_to_accuracy(run: Run, rows: Sequence[HistoryRow]) -> Speed | None:
    target = run.config.target_accuracy
    for row in rows:
        if target is not None and row.test_accuracy is not None and row.test_accuracy >= target:
            return Speed(target, row.epoch, row.step, run.examples_at(row.step), row.seconds)
    return None
