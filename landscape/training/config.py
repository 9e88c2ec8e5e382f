"""Everything that decides how one model is trained, checked before anything runs."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from landscape.errors import UsageError, suggest
from landscape.stops import MATCHED, level_stop
from landscape.training.optimizer_definition import optimizer_definition, resolve_options
from landscape.training.schedules import SCHEDULES
from landscape.weight_average import WeightAverage


@dataclass(frozen=True)
class TrainingConfig:
    """How to train one model.

    Args:
        optimizer: A registered name, ``torch:NAME``, ``module:attribute`` or ``file.py:Class``.
        lr: Learning rate, positive.
        optimizer_options: Option to value, as text or typed; afterwards every option with its value.
        batch_size: Examples a step; None takes the whole training set.
        epochs: Length as passes over the training set; give this or ``steps``.
        steps: Length as optimizer steps.
        schedule: ``"constant"``, ``"cosine"`` or ``"step"``, over steps.
        warmup: Length of the linear warm-up, in epochs where ``epochs`` is given and in steps where ``steps`` is.
        milestones: Fractions of training at which ``"step"`` multiplies the learning rate by ``decay``.
        decay: See ``milestones``.
        clip_norm: Largest norm of a step's gradient; longer ones are scaled down to it.
        seed: Of the order of the data and of dropout. Two optimizers with one seed see the same batches.
        target_loss: Training loss (whole set, evaluation mode) whose first crossing is kept.
        levels: Further training losses whose first crossings are kept.
        at_epochs: Epochs after which the point is kept, whole multiples of ``evaluate_every``.
        target_accuracy: Test accuracy whose first evaluation at or above it is noted.
        max_loss: Training loss above which the run counts as diverged; None means a thousand times the larger
            of 1 and the loss before training.
        evaluate_every: Epochs between evaluations.
        max_batch: Most examples in one forward and backward pass; a larger batch goes through in chunks,
            weighted by their size. BatchNorm then sees chunks.
        amp: ``"bf16"`` computes the forward passes of the steps in mixed precision (torch.autocast); parameters,
            optimizer, evaluations and measurements stay in their own.
        compile: Whether the steps' forward and backward passes go through ``torch.compile``. Dropout then draws
            other numbers.
        average: Averages of the weights to keep beside them, such as ``"ema:0.999"`` or ``"swa:0.75"``; see
            `landscape.weight_average.WeightAverage`.

    Raises:
        UsageError: If something is out of range, contradictory or unknown.

    Example:
        >>> TrainingConfig("sgd", lr=0.1, epochs=5).optimizer_options["momentum"]
        0.9
    """

    optimizer: str
    lr: float
    optimizer_options: Mapping[str, Any] = field(default_factory=dict)
    batch_size: int | None = 64
    epochs: int | None = None
    steps: int | None = None
    schedule: str = "constant"
    warmup: int = 0
    milestones: tuple[float, ...] = (0.5, 0.75)
    decay: float = 0.1
    clip_norm: float | None = None
    seed: int = 0
    target_loss: float | None = None
    target_accuracy: float | None = None
    max_loss: float | None = None
    evaluate_every: int = 1
    max_batch: int = 2048
    amp: str | None = None
    compile: bool = False
    average: tuple[str, ...] = ()
    levels: tuple[float, ...] = ()
    at_epochs: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        for name in ("lr", "decay", "clip_norm", "target_loss", "target_accuracy", "max_loss"):
            _check_positive(name, getattr(self, name), optional=name not in {"lr", "decay"})
        for name, least in _WHOLE.items():
            _check_whole(name, getattr(self, name), least, optional=name in {"batch_size", "epochs", "steps"})
        self._check_kept()
        if (self.epochs is None) == (self.steps is None):
            raise UsageError("Give the length of training either as epochs or as steps: exactly one of them.")
        if self.amp not in (None, "bf16"):
            raise UsageError(f"Mixed precision (amp) is bf16 or none; it is {self.amp!r}.")
        if self.target_accuracy is not None and self.target_accuracy > 1:
            raise UsageError(f"target_accuracy is a share between 0 and 1; it is {self.target_accuracy:g}.")
        self._check_schedule()
        object.__setattr__(self, "average", _averages(self.average))
        if self.batch_size is not None and optimizer_definition(self.optimizer).full_batch:
            raise UsageError(
                f"{self.optimizer} takes the full batch at each step; batch_size is {self.batch_size}. "
                f"Give --batch-size full (batch_size=None in Python)."
            )
        options = resolve_options(self.optimizer, self.lr, self.optimizer_options)
        object.__setattr__(self, "optimizer_options", options)

    @property
    def targets(self) -> dict[str, float]:
        """The training losses whose first crossings are kept, by the name of their stop."""
        primary = {} if self.target_loss is None else {MATCHED: self.target_loss}
        return primary | {level_stop(each): each for each in self.levels}

    def _check_kept(self) -> None:
        for each in self.levels:
            _check_positive("levels", each, optional=False)
        if len({*self.levels, self.target_loss}) <= len(self.levels):
            raise UsageError(f"A level is named twice: {', '.join(f'{each:g}' for each in self.levels)}. Keep one.")
        for epoch in self.at_epochs:
            _check_whole("at_epochs", epoch, 1, optional=False)
            if epoch % self.evaluate_every:
                raise UsageError(f"Epoch {epoch} is between two evaluations, {self.evaluate_every} epochs apart.")

    def _check_schedule(self) -> None:
        if self.schedule not in SCHEDULES:
            known = ", ".join(SCHEDULES)
            raise UsageError(
                f"There is no schedule {self.schedule!r}.{suggest(self.schedule, SCHEDULES)} Known: {known}."
            )
        length = self.epochs if self.epochs is not None else self.steps
        if length is not None and self.warmup >= length:
            raise UsageError(f"A warm-up of {self.warmup} leaves nothing of a training of {length}.")
        milestones = tuple(self.milestones)
        if list(milestones) != sorted(milestones) or not all(0 < each < 1 for each in milestones):
            raise UsageError(f"milestones are increasing fractions between 0 and 1; they are {milestones}.")
        object.__setattr__(self, "milestones", milestones)


_WHOLE = {
    "batch_size": 1,
    "epochs": 1,
    "steps": 1,
    "warmup": 0,
    "seed": 0,
    "evaluate_every": 1,
    "max_batch": 1,
}
"""Whole numbers of the configuration and the least value of each."""


def _averages(names: Sequence[str]) -> tuple[str, ...]:
    if isinstance(names, str):
        raise UsageError(f"average is a list of names; it is {names!r}. Type ({names!r},).")
    try:
        found = tuple(WeightAverage.parse(each).name for each in names)
    except ValueError as error:
        raise UsageError(f"Each average must be {error}; they are {', '.join(map(repr, names))}.") from None
    if len(set(found)) < len(found):
        raise UsageError(f"An average is named twice: {', '.join(found)}. Keep one.")
    return found


def _check_positive(name: str, value: Any, *, optional: bool) -> None:
    if value is None and optional:
        return
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise UsageError(f"{name} must be a number; it is {value!r}.")
    if not (math.isfinite(value) and value > 0):
        raise UsageError(f"{name} must be positive and finite; it is {value:g}.")


def _check_whole(name: str, value: Any, least: int, *, optional: bool) -> None:
    if value is None and optional:
        return
    if isinstance(value, bool) or not isinstance(value, int):
        raise UsageError(f"{name} must be a whole number; it is {value!r}.")
    if value < least:
        raise UsageError(f"{name} must be at least {least}; it is {value}.")
