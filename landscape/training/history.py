"""What is written down about a training while it runs."""

from dataclasses import dataclass


@dataclass(frozen=True)
class HistoryRow:
    """One evaluation; the first is that before training.

    Args:
        epoch: Passes over the training set so far; a fraction where training ends within one.
        step: Optimizer steps so far.
        seconds: Training time so far, evaluations excluded.
        train_loss: Mean over the whole training set in evaluation mode, likewise the next three.
        test_loss: Of the test set.
        train_accuracy: Share of right decisions; None without classes.
        test_accuracy: Of the test set.
        gradient_norm: Mean over the steps since the last row of the Euclidean norm of the step's mini-batch
            gradient, in training mode, before clipping and weight decay; None before training. With the full
            batch it is the norm of the full gradient, with small batches mostly noise.
        learning_rate: That of the last step taken (of the coming one before training).
    """

    epoch: float
    step: int
    seconds: float
    train_loss: float
    test_loss: float
    train_accuracy: float | None
    test_accuracy: float | None
    gradient_norm: float | None
    learning_rate: float


@dataclass(frozen=True)
class Speed:
    """What it took to reach a target: passes over the training set, steps, examples, seconds of training."""

    target: float
    epochs: float
    steps: int
    examples: int
    seconds: float


@dataclass(frozen=True)
class Cost:
    """What an optimizer costs.

    Args:
        seconds_per_epoch: Median over the evaluation intervals, the first left out where there are more.
        optimizer_bytes: Memory of all tensors in the optimizer's state.
        parameters: Number of trainable parameters.
    """

    seconds_per_epoch: float
    optimizer_bytes: int
    parameters: int

    @property
    def optimizer_bytes_per_parameter(self) -> float:
        """Memory of the optimizer's state per trainable parameter."""
        return self.optimizer_bytes / self.parameters
