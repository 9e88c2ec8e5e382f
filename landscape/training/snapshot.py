"""A minimum as it came out of training."""

from collections.abc import Mapping
from dataclasses import dataclass

from torch import Tensor, nn

from landscape.training.evaluation import Scores
from landscape.training.optimizer_state import OptimizerState
from landscape.training.run import Run


@dataclass(frozen=True)
class Snapshot:
    """One point of training: weights, optimizer state and how it came about.

    Args:
        state_dict: The model's tensors, copied to the CPU, each name its own (tied ones twice).
        optimizer: The optimizer's state.
        step: Optimizer steps taken.
        epoch: Passes over the training set, a fraction within one.
        examples: Examples seen.
        seconds: Training time; within an epoch interpolated over its steps.
        train_loss: Mean over the whole training set in evaluation mode; likewise the next three.
        test_loss: Of the test set.
        train_accuracy: None without classes.
        test_accuracy: Of the test set.
        target: The training loss that it was taken at, if it was.
        note: What is not as it should be, or "".
    """

    state_dict: Mapping[str, Tensor]
    optimizer: OptimizerState
    step: int
    epoch: float
    examples: int
    seconds: float
    train_loss: float
    test_loss: float
    train_accuracy: float | None
    test_accuracy: float | None
    target: float | None = None
    note: str = ""

    @property
    def mismatch(self) -> float | None:
        """The relative distance of the training loss from the target, 0 or below; None without a target."""
        return None if self.target is None else self.train_loss / self.target - 1


def take_snapshot(
    run: Run,
    step: int,
    seconds: float,
    train: Scores,
    test: Scores,
    *,
    target: float | None = None,
    note: str = "",
) -> Snapshot:
    """Return the live point of a run after ``step`` steps, copied."""
    return Snapshot(
        state_dict=copy_state_dict(run.model),
        optimizer=run.optimizer_state(step),
        step=step,
        epoch=run.epochs_at(step),
        examples=run.examples_at(step),
        seconds=seconds,
        train_loss=train.loss,
        test_loss=test.loss,
        train_accuracy=train.accuracy,
        test_accuracy=test.accuracy,
        target=target,
        note=note,
    )


def copy_state_dict(model: nn.Module) -> dict[str, Tensor]:
    """Return the tensors of a model's state dict, copied to the CPU; extra state that is no tensor is left out."""
    return {
        name: value.detach().to("cpu", copy=True).contiguous()
        for name, value in model.state_dict().items()
        if isinstance(value, Tensor)
    }
