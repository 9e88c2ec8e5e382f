"""Curvature along a training that somebody else's loop runs, written to a run folder."""

import importlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from landscape.errors import UsageError
from landscape.measures import Measurement, measure_minimum
from landscape.measures.measure import parsed_options
from landscape.minimum import Minimum
from landscape.problem import Problem
from landscape.store import append_row


@dataclass(frozen=True)
class CurvatureLog:
    """Measures a model every few epochs, always on the same examples, and appends a row to a file.

    A row has ``epoch`` and ``step`` (so far), ``train_loss`` (of these examples, evaluation mode), ``examples``,
    ``reason`` and ``measurements``: by name ``value``, ``error``, ``error_kind``, ``matvecs``, ``passes``,
    ``converged`` and ``reason``. What fails does not end the training: the row holds no value, and why. The model, its
    gradients and modes and the global random generators come back as they were. A training that goes on from a
    checkpoint appends again what it goes through again: of rows with the same step the last one counts.

    Args:
        folder: Where ``history.jsonl`` is; made where there is none.
        data: Some of the training examples, as `Problem` takes them. Augmentation must be off (or ``freeze_data``).
        loss: A registered name, a criterion, or ``(model, batch) -> mean``.
        every: Epochs between measurements.
        measures: Names, as ``landscape list measures`` prints them.
        seed: Of everything random in a measure; the same every time.
        options: Options of a measure by its name.
        problem_options: Of `Problem` by name: ``parameters``, ``batch_size``, ``freeze_data`` and so on.

    Raises:
        UsageError: If a measure or one of its options does not exist, or ``every`` is not 1 or more.
    """

    folder: str | Path
    data: Any
    loss: str | Callable[..., Tensor]
    every: int = 1
    measures: Sequence[str] = ("top_eigenvalue", "trace")
    seed: int = 0
    options: Mapping[str, Mapping[str, Any]] | None = None
    problem_options: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Refuse at the start what would fail after an epoch."""
        if self.every < 1:
            raise UsageError(f"every is a number of epochs, 1 or more, not {self.every}.")
        for name in self.measures:
            parsed_options(name, self.options)

    @property
    def path(self) -> Path:
        """The file of rows."""
        return Path(self.folder) / "history.jsonl"

    def epoch_ended(self, model: nn.Module, epoch: int, step: int) -> None:
        """Measure the model and append a row, where it is time.

        Args:
            model: Where training stands.
            epoch: Epochs so far.
            step: Optimizer steps so far.
        """
        if epoch % self.every == 0:
            append_row(self.path, {"epoch": epoch, "step": step, **self._row(model)})

    def _row(self, model: nn.Module) -> dict[str, Any]:
        row: dict[str, Any] = {"train_loss": None, "examples": None, "measurements": {}, "reason": ""}
        try:
            problem = Problem(model, self.loss, self.data, **self.problem_options)
            row |= {"train_loss": problem.loss(), "examples": problem.num_examples}
            found = measure_minimum(
                Minimum(problem, problem.theta),
                self.measures,
                seed=self.seed,
                options=self.options,
                keep_going=True,
                warn=False,
            )
            row["measurements"] = {name: _in_short(each) for name, each in found.items()}
        except Exception as error:  # whatever it is (memory too, say), a training of days must not end by it
            row["reason"] = f"{type(error).__name__}: {error}"
        return row


def _in_short(measured: Measurement) -> dict[str, Any]:
    kept = ("value", "error", "error_kind", "matvecs", "passes", "converged", "reason")
    return {name: getattr(measured, name) for name in kept}


def library(name: str, *packages: str) -> Any:
    """Return a module of a library that is optional here.

    Raises:
        UsageError: If it is not installed; says what to type.
    """
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        raise UsageError(
            f"This callback needs {name}, and there is no module {error.name!r}. Type: pip install {' '.join(packages)}"
        ) from error
