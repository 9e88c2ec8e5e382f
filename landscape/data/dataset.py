"""What a data set is once it is loaded: training and test tensors."""

from dataclasses import dataclass

import torch

from landscape.errors import ProblemError, UsageError

Examples = tuple[torch.Tensor, torch.Tensor]
"""Inputs ``(N, ...)`` and their targets ``(N,)`` (classes) or ``(N, outputs)`` (regression)."""


@dataclass(frozen=True)
class DataSet:
    """Training and test examples, on the CPU.

    Attributes:
        name: What the user called it.
        train: Inputs ``(N, C, H, W)`` or ``(N, d)``, float32, and targets: classes, int64 ``(N,)``, or
            numbers, float32 ``(N, outputs)``.
        test: The same for the test set.
        num_classes: How many classes there are; None for regression.
    """

    name: str
    train: Examples
    test: Examples
    num_classes: int | None

    @property
    def input_shape(self) -> tuple[int, ...]:
        """Return the shape of one input, such as ``(3, 32, 32)``."""
        return tuple(self.train[0].shape[1:])

    @property
    def num_outputs(self) -> int:
        """Return how many outputs a model needs: one per class, or one per number to predict."""
        return self.num_classes if self.num_classes is not None else self.train[1].shape[1]


def check(dataset: DataSet) -> DataSet:
    """Return the data set unchanged, once its shapes, labels and numbers have been looked at.

    Raises:
        UsageError: If inputs and targets do not belong together or labels are no classes.
        ProblemError: If a part is empty or holds NaN or infinity.
    """
    for part, (x, y) in (("training", dataset.train), ("test", dataset.test)):
        where = f"The {part} set of {dataset.name}"
        if len(x) == 0:
            raise ProblemError(f"{where} has no examples.")
        if len(x) != len(y):
            raise UsageError(f"{where} has {len(x)} inputs but {len(y)} targets; give one target per input.")
        if not _finite(x):
            raise ProblemError(f"{where} has inputs that are NaN or infinite; clean them before measuring.")
        _check_targets(where, y, dataset.num_classes)
    for index, what in enumerate(("inputs", "targets")):
        train, test = dataset.train[index].shape[1:], dataset.test[index].shape[1:]
        if train != test:
            raise UsageError(
                f"The {what} of {dataset.name} have shape {tuple(train)} in the training set but {tuple(test)} "
                f"in the test set; give both the same shape."
            )
    return dataset


def _check_targets(where: str, y: torch.Tensor, num_classes: int | None) -> None:
    if num_classes is None:
        if y.ndim != 2 or not y.is_floating_point():
            raise UsageError(
                f"{where} has regression targets of shape {tuple(y.shape)} and type {y.dtype}; "
                f"give float32 (examples, outputs)."
            )
        if not _finite(y):
            raise ProblemError(f"{where} has targets that are NaN or infinite; clean them before measuring.")
        return
    if y.ndim != 1 or y.dtype != torch.int64:
        raise UsageError(f"{where} has labels of shape {tuple(y.shape)} and type {y.dtype}; give int64 (examples,).")
    low, high = int(y.min()), int(y.max())
    if low < 0 or high >= num_classes:
        raise UsageError(
            f"{where} has labels from {low} to {high}; with {num_classes} classes they go from 0 to {num_classes - 1}."
        )


def _finite(x: torch.Tensor) -> bool:
    # The extremes are NaN where one element is; isfinite(x).all() takes a hundred times as long.
    return all(bool(each.isfinite()) for each in x.aminmax())
