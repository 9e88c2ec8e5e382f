"""A study computed once more from its own record, and how far every number is from the first time."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load_file

from landscape import store
from landscape.device import resolve_device
from landscape.errors import StorageError, UsageError
from landscape.file_size import refuse_larger_than_memory
from landscape.plain_folder import refuse_links_out
from landscape.study import record
from landscape.study.cells import Cell, cells
from landscape.study.config import StudyConfig, to_toml
from landscape.study.environment import environment
from landscape.study.folder import RunFolder, existing_folder, read_measurements, stored_config
from landscape.study.measure_cell import measure_cell
from landscape.study.moved_points import move_cell
from landscape.study.one_minimum import chosen_cell
from landscape.study.run import run_study
from landscape.study.train_cell import train_cell, train_cells
from landscape.study.workers import Counter, Progress

_TIMES = {"seconds", "seal"}
_CHANCE = {"created", "command", "platform", "processes"}


@dataclass(frozen=True)
class Compared:
    """How far what was computed again is from what was recorded, for one run.

    Attributes:
        run: Which.
        history: The largest relative difference of a number of its history (times left out); 0 where all are the
            same to the bit.
        weights: The largest relative distance of its weights and optimizer states, |a - b| over |a|.
        measurements: The largest relative difference of a measured value.
        slices: The largest relative difference of a loss on its slices; None where there are none.
        beyond_error: The measurements whose values differ by more than both their errors together.
        missing: What only one of the two has.
    """

    run: str
    history: float
    weights: float
    measurements: float
    slices: float | None
    beyond_error: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()

    @property
    def identical(self) -> bool:
        """Whether everything but times is the same to the bit."""
        return not (self.history or self.weights or self.measurements or self.slices or self.missing)


def reproduce(
    root: Path, again: Path, *, runs: Sequence[str] = (), jobs: int | None = None, on_progress: Progress | None = None
) -> dict[str, Any]:
    """Return how a study, or some of its runs, come out when they are computed again, as plain JSON types.

    Args:
        root: The study's folder; nothing in it is touched.
        again: A folder for the second time, new or left by an earlier call.
        runs: Which of its runs; all of them, with its slices, when empty.
        jobs: Processes at once; as many as the first time when None. Which runs train together depends on it.
        on_progress: Called as by `run_study`.

    Raises:
        UsageError: If there is no such run, or the study is one of checkpoints, which nothing can be trained from.
        StorageError: If the folder holds no study.
    """
    folder = existing_folder(root)
    config = stored_config(folder)
    if config.checkpoint:
        raise UsageError(f"{root} measured checkpoints: there is no training to do again. Compare with `analyze`.")
    chosen = [chosen_cell(config, name, folder) for name in runs] or cells(config)
    recorded = store.read_json(folder.environment, record.ENVIRONMENT) if folder.environment.exists() else {}
    if runs:
        _again(config, chosen, folder, RunFolder(again), Counter(2 * len(chosen), on_progress))
    else:
        run_study(config, again, jobs=jobs or recorded.get("processes"), on_progress=on_progress)
    compared = [compare(folder, RunFolder(again), cell) for cell in chosen]
    now = environment(resolve_device(config.device), recorded.get("processes"))
    changed = {
        name: [recorded.get(name), now[name]] for name in now if name not in _CHANCE and recorded.get(name) != now[name]
    }
    return {
        "study": str(root),
        "again": str(again),
        "runs": [{**asdict(each), "identical": each.identical} for each in compared],
        "identical": all(each.identical for each in compared),
        "within_error": not any(each.beyond_error or each.missing for each in compared),
        "environment": changed,
    }


def compare(first: RunFolder, second: RunFolder, cell: Cell) -> Compared:
    """Return how far a run of one folder is from the same run of another.

    Raises:
        StorageError: If a file cannot be read.
    """
    missing, weights, slices = [], [0.0], []
    for path, other in _pairs(first.run(cell.id), second.run(cell.id)):
        if path.exists() != other.exists():
            # a slice is of the study, not of the run
            missing += [path.name] if path.suffix != ".npz" else []
        elif path.suffix == ".safetensors":
            weights.append(_tensors_apart(path, other))
        else:
            one, two = store.read_arrays(path), store.read_arrays(other)
            slices.append(max(_apart(one[name], two[name]) for name in one if name in two))
    old, new = (read_measurements(each, cell.id) for each in (first, second))
    missing += [f"{measure} at {stop}" for stop, measure in sorted(old.keys() ^ new.keys())]
    both = {key: (old[key], new[key]) for key in old if key in new}
    beyond = [f"{measure} at {stop}" for (stop, measure), pair in both.items() if _beyond(*pair)]
    rows = [store.read_rows(each.history(cell.id), record.history_row) for each in (first, second)]
    missing += ["rows of the history"] if len(rows[0]) != len(rows[1]) else []
    return Compared(
        run=cell.id,
        history=max((_rows_apart(*pair) for pair in zip(*rows, strict=False)), default=0.0),
        weights=max(weights),
        measurements=max((_numbers_apart(a["value"], b["value"]) for a, b in both.values()), default=0.0),
        slices=max(slices, default=None) if slices else None,
        beyond_error=tuple(beyond),
        missing=tuple(missing),
    )


def _again(config: StudyConfig, chosen: Sequence[Cell], first: RunFolder, again: RunFolder, counter: Counter) -> None:
    """Train and measure some runs, each with those that it trained together with."""
    refuse_links_out(again.root)
    if not again.study.exists():
        store.write_text(again.study, to_toml(config))
    device = resolve_device(config.device)
    together = store.read_json(first.together, record.TOGETHER) if first.together.exists() else []
    every = {cell.id: cell for cell in cells(config)}
    for part in together:
        if any(cell.id in part for cell in chosen):
            train_cells(config, [every[name] for name in part if name in every], again, device)
    for cell in chosen:
        train_cell(config, cell, again, device)
        counter.add(f"{cell.id} trained")
        measure_cell(config, cell, again, device)
        move_cell(config, cell, again, device)
        counter.add(f"{cell.id} measured")


def _pairs(first: Path, second: Path) -> Iterator[tuple[Path, Path]]:
    """Go through the files of weights and slices that either has."""
    if not (first.is_dir() and second.is_dir()):
        raise StorageError(f"{first if second.is_dir() else second} holds no run: the study is not finished.")
    names = {
        path.relative_to(each)
        for each in (first, second)
        for pattern in ("*.safetensors", "surfaces/*.npz")
        for path in each.glob(pattern)
    }
    for name in sorted(names):
        yield first / name, second / name


def _tensors_apart(first: Path, second: Path) -> float:
    try:
        for path in (first, second):
            refuse_larger_than_memory(path)
        one, two = load_file(first), load_file(second)
    except (OSError, SafetensorError, KeyError) as error:
        raise StorageError(f"{first} or {second} is damaged ({error}). Train the run again.") from error
    if one.keys() != two.keys():
        return float("inf")
    return max((_apart(one[name], two[name]) for name in one), default=0.0)


def _apart(a: np.ndarray, b: np.ndarray) -> float:
    """Return |a - b| / |a|; 0 where they are the same, infinite where they cannot be compared."""
    if a.shape != b.shape:
        return float("inf")
    if np.array_equal(a, b, equal_nan=a.dtype.kind == "f"):
        return 0.0
    one, two = a.astype(float), b.astype(float)
    kept = np.isfinite(one) & np.isfinite(two)
    norm = float(np.linalg.norm(one[kept]))
    return float(np.linalg.norm((one - two)[kept])) / norm if norm and kept.any() else float("inf")


def _rows_apart(a: Mapping[str, Any], b: Mapping[str, Any]) -> float:
    return max((_numbers_apart(a[key], b.get(key)) for key in a if key not in _TIMES), default=0.0)


def _numbers_apart(a: Any, b: Any) -> float:
    if a == b:
        return 0.0
    if not all(isinstance(each, int | float) for each in (a, b)):
        return float("inf")
    return float(abs(a - b) / max(abs(a), abs(b)))


def _beyond(a: Mapping[str, Any], b: Mapping[str, Any]) -> bool:
    """Return whether two values differ by more than their errors together."""
    if a["value"] is None or b["value"] is None:
        return a["value"] is not b["value"]
    return bool(abs(a["value"] - b["value"]) > (a["error"] or 0.0) + (b["error"] or 0.0))
