"""The run folder as the report reads it: one JSON file and the slices that it names."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from landscape.errors import StorageError
from landscape.report.escape import one_line, shorten
from landscape.stops import END, MATCHED, stop_words
from landscape.store import read_arrays, read_json

Report = dict[str, Any]
Array = np.ndarray[Any, np.dtype[np.float64]]

FORMAT = 1
_NOT_AS_WRITTEN = (LookupError, TypeError, ValueError, AttributeError, ArithmeticError, MemoryError, RecursionError)
STOPS = {stop: stop_words(stop) for stop in (MATCHED, END)}
"""Where the minima lie that slices are taken of, in words."""
GAPS = {"gap_loss": "gap in loss (test − train)", "gap_error": "gap in error (test − train)"}


@dataclass(frozen=True)
class Slice:
    """The loss on a plane through one minimum; losses are indexed [i over a, j over b]."""

    run: str
    optimizer: str
    stop: str
    a: Array
    b: Array
    train_loss: Array
    test_loss: Array
    settings: Report

    def center(self, kind: str) -> float:
        """Return the train or the test loss of the trained point."""
        loss = self.losses(kind)
        return float(loss[len(self.a) // 2, len(self.b) // 2])

    def losses(self, kind: str) -> Array:
        """Return the grid of ``train`` or ``test`` losses."""
        return {"train": self.train_loss, "test": self.test_loss}[kind]


@contextlib.contextmanager
def as_written(path: Path, command: str) -> Iterator[None]:
    """Take what goes wrong with the content of a file for what it is: a file that this program did not write so.

    Reports have hundreds of keys; what is missing, or of another kind, is found where it is looked for.

    Args:
        path: The file.
        command: What writes it again.

    Raises:
        StorageError: In place of what a missing key or a value of another kind raises.
    """
    try:
        yield
    except _NOT_AS_WRITTEN as error:
        raise StorageError(
            f"{path} is not what this version of landscape writes ({type(error).__name__}: {shorten(error, 80)}). "
            f"Type '{command}' to write it again."
        ) from error


def read_report(folder: Path) -> Report:
    """Return the report.json of a run folder.

    Raises:
        StorageError: If there is none, or it was written by another format of this program.
    """
    path = folder / "report.json"
    if not folder.exists():
        raise StorageError(f"There is no folder {folder}. Name one that `landscape analyze` wrote.")
    if not path.is_file():
        study = folder / "study.toml"
        if study.is_file():
            raise StorageError(
                f"{folder} is not a finished run folder: it has no report.json. "
                f"Type 'landscape analyze {study} --out {folder}' to finish it, or give another folder."
            )
        raise StorageError(
            f"{folder} is no run folder: it has neither report.json nor study.toml. "
            f"Name one that `landscape analyze` wrote."
        )
    report = read_json(path)
    if not isinstance(report, dict) or report.get("format") != FORMAT:
        found = report.get("format") if isinstance(report, dict) else type(report).__name__
        raise StorageError(
            f"{path} is of format {found!r}, this version of landscape reads format {FORMAT}. "
            f"Type 'landscape relate {folder}' to write it again."
        )
    return report


def read_slices(folder: Path, report: Report) -> tuple[list[Slice], list[str]]:
    """Return the slices that the report names, and a sentence for each that cannot be read."""
    slices: list[Slice] = []
    problems: list[str] = []
    for entry in report.get("surfaces", []):
        try:
            slices.append(_read_slice(folder, entry))
        except StorageError as error:
            problems.append(f"The slice of {one_line(entry['run'])} is left out: {one_line(error)}")
    order = {name: index for index, name in enumerate(report["optimizers"])}
    slices.sort(key=lambda each: (list(STOPS).index(each.stop), order[each.optimizer]))
    return slices, problems


def _read_slice(folder: Path, entry: Report) -> Slice:
    path = folder / entry["file"]
    if not path.resolve().is_relative_to(folder.resolve()):
        raise StorageError(f"{entry['file']} lies outside the run folder.")
    arrays = read_arrays(path)
    try:
        a, b, train, test = (np.asarray(arrays[key], dtype=np.float64) for key in ("a", "b", "train_loss", "test_loss"))
    except KeyError as error:
        raise StorageError(f"{path} has no array {error}.") from error
    if train.shape != (len(a), len(b)) or test.shape != train.shape:
        raise StorageError(
            f"The losses in {path} have the shapes {train.shape} and {test.shape}, not ({len(a)}, {len(b)})."
        )
    return Slice(entry["run"], entry["optimizer"], entry["stop"], a, b, train, test, entry)
