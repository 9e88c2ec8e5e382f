"""Where everything of a study lies."""

import contextlib
import fcntl
import hashlib
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from landscape import store
from landscape.errors import StorageError, UsageError
from landscape.file_size import refuse_larger_than_memory
from landscape.plain_folder import refuse_links_out
from landscape.stops import file_name
from landscape.study import record
from landscape.study.config import StudyConfig, differences, read_toml, resolve, to_toml
from landscape.study.picked import picks, with_picked

Measured = dict[tuple[str, str], dict[str, Any]]
"""Measurements of one run by (stop, measure)."""

_TRAINED = ("config.json", "history.jsonl", "*.safetensors", "checkpoints/*.safetensors")
_NOT_IN_NAMES = re.compile(r"[^\w.+-]")
_SLICED = ("surfaces/*.npz",)


@dataclass(frozen=True)
class RunFolder:
    """The files of one study, by what they hold.

    Attributes:
        root: The folder.
    """

    root: Path

    @property
    def study(self) -> Path:
        """The configuration as resolved."""
        return self.root / "study.toml"

    @property
    def environment(self) -> Path:
        """Versions, device and command."""
        return self.root / "environment.json"

    @property
    def measures(self) -> Path:
        """Names and blind spots of the measures, so that reports need no torch."""
        return self.root / "measures.json"

    @property
    def search(self) -> Path:
        """What a search for hyper-parameters drew and picked; written when all that was drawn is tried."""
        return self.root / "search.json"

    def tried(self, optimizer: str, index: int) -> Path:
        """Return the file of one configuration that a search drew."""
        return self.root / "search" / f"{plain_name(optimizer)}-{index + 1:03d}.json"

    @property
    def primary(self) -> Path:
        """The primary question, and whether it was named before anything ran."""
        return self.root / "primary.json"

    @property
    def report(self) -> Path:
        """Everything that is drawn, as one JSON file."""
        return self.root / "report.json"

    def run(self, cell: str) -> Path:
        """Return the folder of one run."""
        return self.root.joinpath("runs", cell)

    def config(self, cell: str) -> Path:
        """Return the file of what one run is."""
        return self.root.joinpath("runs", cell, "config.json")

    def history(self, cell: str) -> Path:
        """Return the file with a row an evaluation."""
        return self.root.joinpath("runs", cell, "history.jsonl")

    def result(self, cell: str) -> Path:
        """Return the file that is written last: with it, the training of a cell is finished."""
        return self.root.joinpath("runs", cell, "result.json")

    def measurements(self, cell: str) -> Path:
        """Return the file with a row a measurement."""
        return self.root.joinpath("runs", cell, "measurements.jsonl")

    def moved(self, cell: str) -> Path:
        """Return the file with a row for each point that a minimum was moved to."""
        return self.root.joinpath("runs", cell, "moved.jsonl")

    def minimum(self, cell: str, stop: str) -> Path:
        """Return the weights at a stop: ``minimum.safetensors`` is the end."""
        return self.run(cell) / ("minimum.safetensors" if stop == "end" else f"minimum.{file_name(stop)}.safetensors")

    def optimizer(self, cell: str, stop: str) -> Path:
        """Return the optimizer's state at a stop."""
        name = "optimizer.safetensors" if stop == "end" else f"optimizer.{file_name(stop)}.safetensors"
        return self.run(cell) / name

    def surface(self, cell: str, stop: str) -> Path:
        """Return the slice around a minimum."""
        return self.run(cell) / "surfaces" / f"{file_name(stop)}.npz"

    def checkpoint(self, cell: str, step: int) -> Path:
        """Return the weights after so many steps, where training kept them."""
        return self.run(cell) / "checkpoints" / f"step-{step:09d}.safetensors"

    def checkpoints(self, cell: str) -> list[Path]:
        """Return the weights kept along the training of a run, in order."""
        return sorted((self.run(cell) / "checkpoints").glob("step-*.safetensors"))

    @property
    def together(self) -> Path:
        """Which runs train together, as the first process split them."""
        return self.root / "together.json"

    @property
    def claims(self) -> Path:
        """Where processes say which run they work on."""
        return self.root / "claims"

    def relative(self, path: Path) -> str:
        """Return a path inside the folder as written in its files."""
        return path.relative_to(self.root).as_posix()


def plain_name(text: str) -> str:
    """Return a text as the name of a file."""
    return _NOT_IN_NAMES.sub("_", text)


def open_folder(root: Path, config: StudyConfig) -> RunFolder:
    """Return the folder of a study, made and marked with its configuration, or found with the same one.

    Raises:
        UsageError: If it holds a study of another configuration, or files that are none of ours.
        StorageError: If it cannot be written to, or something in it leads out of it.
    """
    refuse_links_out(root)
    folder = RunFolder(root)
    if folder.study.exists():
        changed = differences(asked_for(folder), config)
        if changed:
            raise UsageError(
                f"{root} holds a study of another configuration:\n  " + "\n  ".join(changed) + "\n"
                "Choose another folder with --out, or type the old settings to continue that study."
            )
        return folder
    if root.is_dir() and any(root.iterdir()):
        raise UsageError(f"{root} is not empty and holds no study.toml. Choose another folder with --out.")
    if root.exists() and not root.is_dir():
        raise StorageError(f"{root} is a file. Choose a folder with --out.")
    store.write_text(folder.study, to_toml(config))
    return folder


@contextlib.contextmanager
def locked(folder: RunFolder, *, wait: bool = False) -> Iterator[RunFolder]:
    """Hold a folder against a second process for as long as this one works in it.

    Args:
        folder: Which.
        wait: Whether to wait for another process that holds it.

    Yields:
        The folder.

    Raises:
        StorageError: If another process holds it, unless that is waited for.
    """
    with folder.study.open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError:
            raise StorageError(
                f"Another process is working in {folder.root}. Wait for it, or choose another folder with --out."
            ) from None
        yield folder


def existing_folder(root: Path) -> RunFolder:
    """Return a folder that holds a study.

    Raises:
        StorageError: If it holds none, or something in it leads out of it.
    """
    folder = RunFolder(root)
    if not root.exists():
        raise StorageError(f"There is no folder {root}. Name one that `landscape analyze` wrote.")
    refuse_links_out(root)
    if not folder.study.is_file():
        raise StorageError(f"{root} holds no study.toml: it is no run folder. Name one that `landscape analyze` wrote.")
    return folder


def stored_config(folder: RunFolder) -> StudyConfig:
    """Return the configuration of a folder's study, with what its search picked if it has one."""
    return with_search(folder, asked_for(folder))


def with_search(folder: RunFolder, config: StudyConfig) -> StudyConfig:
    """Return a configuration with what the search of a folder picked, if it has one that is finished."""
    if not folder.search.exists():
        return config
    return with_picked(config, picks(store.read_json(folder.search, record.SEARCH)))


def asked_for(folder: RunFolder) -> StudyConfig:
    """Return the configuration of a folder's study as it was typed, without what its search picked."""
    return resolve((str(folder.study), read_toml(folder.study)))


def read_measurements(folder: RunFolder, cell: str) -> Measured:
    """Return a run's measurements by (stop, measure)."""
    rows = store.read_rows(folder.measurements(cell), record.MEASURED, record.MEASUREMENT)
    return {(row["stop"], row["measure"]): row for row in rows}


def read_result(folder: RunFolder, cell: str) -> dict[str, Any]:
    """Return what came of the training of a run.

    Raises:
        StorageError: If the file cannot be read or is not what training wrote.
    """
    path = folder.result(cell)
    return store.unsealed(path, store.read_json(path, record.RESULT))


def write_result(folder: RunFolder, cell: str, result: Mapping[str, Any]) -> None:
    """Write what came of the training of a run, sealed, with the checksums of the files that are there."""
    store.write_json(folder.result(cell), store.sealed({**result, "sha256": checksums(folder, cell)}))


def checksums(folder: RunFolder, cell: str) -> dict[str, str]:
    """Return the SHA-256 of every file of a run but its result and its measurements, by its name in its folder."""
    run = folder.run(cell)
    written = (path for pattern in (*_TRAINED, *_SLICED) for path in sorted(run.glob(pattern)))
    return {path.relative_to(run).as_posix(): _sha256(path) for path in written}


def _sha256(path: Path) -> str:
    refuse_larger_than_memory(path)
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def is_trained(folder: RunFolder, cell: str, stops: Collection[str] = ()) -> bool:
    """Return whether a run is finished and every minimum that it found is there.

    Args:
        folder: Where it lies.
        cell: Its name.
        stops: Points that it must have been looked through for; a folder that does not say is of an earlier version,
            and was for all that its study asks for.
    """
    if not folder.result(cell).exists():
        return False
    result = read_result(folder, cell)
    if "sought" in result and not set(stops) <= set(result["sought"]):
        return False
    found = result["minima"]
    return all(folder.minimum(cell, stop).exists() and folder.optimizer(cell, stop).exists() for stop in found)
