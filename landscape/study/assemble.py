"""A run folder's files to report.json; without torch."""

import contextlib
import dataclasses
import gc
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from landscape import store
from landscape._version import __version__
from landscape.errors import StorageError
from landscape.statistics.generalization_gap import generalization_gap
from landscape.statistics.meaning import capital, optimizer_words
from landscape.statistics.relate import relate
from landscape.statistics.trade_offs import trade_offs
from landscape.statistics.verdict import verdict
from landscape.stops import END, MATCHED
from landscape.study import record
from landscape.study.agreement import mark_disagreement
from landscape.study.cells import Cell, cells, factors
from landscape.study.config import StudyConfig
from landscape.study.folder import (
    Measured,
    RunFolder,
    existing_folder,
    read_measurements,
    read_result,
    stored_config,
)
from landscape.study.primary import read_primary


@contextlib.contextmanager
def _uncollected() -> Iterator[None]:
    """Without the garbage collector, which would look at all that was read again and again, and find nothing."""
    on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if on:
            gc.enable()


@_uncollected()
def assemble(root: Path) -> dict[str, Any]:
    """Return what a report shows, from the files of a study, and write it to report.json.

    Runs that are not finished are left out and counted in the verdict's details.

    Raises:
        StorageError: If a file cannot be read or written, is not what this program writes, or leads out of the folder.
    """
    try:
        return _assembled(root)
    except RecursionError:
        raise StorageError(f"A file in {root} is nested too deeply. Run `landscape analyze` into a new one.") from None


def _assembled(root: Path) -> dict[str, Any]:
    folder = existing_folder(root)
    config = stored_config(folder)
    all_cells = cells(config)
    if not all_cells:
        raise StorageError(f"{folder.study} asks for no run: one of its lists is empty. Name what is to be compared.")
    finished = [cell for cell in all_cells if folder.result(cell.id).exists()]
    described = _described(folder, config)
    measured = {cell.id: read_measurements(folder, cell.id) for cell in finished}
    runs = [_run(folder, config, cell, measured[cell.id]) for cell in finished]
    quantities = {each["name"]: each["quantity"] for each in described}
    for minimum in [each for run in runs for each in run["minima"].values()]:
        mark_disagreement(minimum["measurements"], quantities)
    optimizers = list(dict.fromkeys(cell.optimizer for cell in all_cells))
    signs = {each["name"]: each["sign"] for each in described}
    relations = relate(
        runs, list(config.measures), optimizers, resamples=config.resamples, seed=config.seed, signs=signs
    )
    offs = trade_offs(runs, optimizers)
    primary = read_primary(folder, config)
    settled = verdict(runs, relations, offs, described, optimizers, levels=config.levels, primary=primary)
    if len(finished) < len(all_cells):
        settled["details"].append(f"{len(all_cells) - len(finished)} of {len(all_cells)} runs are not finished.")
    environment = store.read_json(folder.environment, record.ENVIRONMENT)
    report = {
        "format": 1,
        "landscape_version": __version__,
        "created": environment["created"],
        "command": environment["command"],
        "title": title(config, optimizers),
        "settings": _settings(config),
        "environment": environment,
        "verdict": settled,
        "primary": primary,
        "optimizers": optimizers,
        "optimizer_options": _optimizer_options(folder, finished),
        "measures": described,
        "runs": runs,
        "relations": relations,
        "trade_offs": offs,
        "search": store.read_json(folder.search, record.SEARCH) if folder.search.exists() else None,
        "surfaces": _surfaces(folder, config, all_cells, measured),
    }
    # runs are what JSON files hold, without NaN: with ten thousand, looking again takes as long as reading them
    plain = {key: each if key == "runs" else store.finite(each) for key, each in report.items()}
    store.write_text(folder.report, store.shallow_json(plain) + "\n")
    return plain


def _described(folder: RunFolder, config: StudyConfig) -> list[dict[str, Any]]:
    """Return what is said of the measures of a study, all of them."""
    described: list[dict[str, Any]] = store.read_json(folder.measures, record.DESCRIBED)
    missing = set(config.measures) - {each["name"] for each in described}
    if missing:
        raise StorageError(
            f"{folder.measures} says nothing of {min(missing)}, which study.toml asks for. Run `landscape analyze` "
            f"again."
        )
    return described


def title(config: StudyConfig, optimizers: Sequence[str]) -> str:
    """Return what the study is called: who is compared, on what."""
    first, *others = [optimizer_words(name) for name in optimizers]
    compared = f"{', '.join(others)} against {first}" if others else first
    return f"{capital(compared)}: {', '.join(config.model)} on {config.data or ', '.join(config.dataset)}"


def typical(runs: Sequence[Cell], measured: Mapping[str, Measured], measure: str) -> list[tuple[Cell, str]]:
    """Return the run of each optimizer whose measure is the median over its runs, and the stop it was taken at.

    Minima at the matched loss come first; the end is taken where no run reached it. Of an even number the lower
    of the two in the middle is taken, so that it is a run and not a mean. All are of one network and data set, that of
    the first optimizer's: others could not be shown on one scale.

    Args:
        runs: Of any optimizers.
        measured: What was measured, by run; those that are absent have nothing yet.
        measure: Name.

    Returns:
        One for each optimizer that has any measurement, in their order.
    """
    optimizers = list(dict.fromkeys(cell.optimizer for cell in runs))
    found = [
        each
        for optimizer in optimizers
        if (each := _typical([cell for cell in runs if cell.optimizer == optimizer], measured, measure)) is not None
    ]
    if len({_ground(cell) for cell, _ in found}) > 1:
        ground = _ground(found[0][0])
        return typical([cell for cell in runs if _ground(cell) == ground], measured, measure)
    return found


def _ground(cell: Cell) -> tuple[str, str]:
    return cell.dataset, cell.model


def _typical(runs: Sequence[Cell], measured: Mapping[str, Measured], measure: str) -> tuple[Cell, str] | None:
    for stop in (MATCHED, END):
        rows = [(measured.get(cell.id, {}).get((stop, measure)), cell) for cell in runs]
        values = [(row["value"], cell.id, cell) for row, cell in rows if row is not None and row["value"] is not None]
        if values:
            values.sort(key=lambda each: each[:2])
            return values[(len(values) - 1) // 2][2], stop
    return None


def _run(folder: RunFolder, config: StudyConfig, cell: Cell, measured: Measured) -> dict[str, Any]:
    result = read_result(folder, cell.id)
    history = store.read_rows(folder.history(cell.id), record.history_row)
    moved = store.read_rows(folder.moved(cell.id), record.MOVED)
    tested = {"test_examples": result["test_examples"]} if "test_examples" in result else {}
    minima = {stop: _minimum(measured, moved, stop, {**about, **tested}) for stop, about in result["minima"].items()}
    return {
        "id": cell.id,
        "optimizer": cell.optimizer,
        "lr": cell.lr,
        "lr_rank": cell.lr_rank,
        "seed": cell.seed,
        "factors": factors(config, cell),
        "status": result["status"],
        "message": result["message"],
        "reached": MATCHED in minima,
        "history": {name: [row[name] for row in history] for name in record.HISTORY_COLUMNS},
        "cost": result.get("cost"),
        "together": _together(folder, cell),
        "speed": result.get("speed") or {"target_loss": None, "target_accuracy": None},
        "minima": minima,
    }


def _optimizer_options(folder: RunFolder, finished: Sequence[Cell]) -> dict[str, Any]:
    """Return the options of each optimizer with their values, as its first run took them; defaults are among them."""
    first = {cell.optimizer: cell for cell in reversed(finished) if folder.config(cell.id).exists()}
    found = {}
    for name, cell in first.items():
        training = store.read_json(folder.config(cell.id), record.CONFIG).get("training") or {}
        found[name] = training.get("optimizer_options") or {}
    return found


def _together(folder: RunFolder, cell: Cell) -> int:
    """Return how many runs trained as one batched model with a run, itself counted."""
    if not (folder.together.exists() and folder.config(cell.id).exists()):
        return 1
    return int(store.read_json(folder.config(cell.id), record.CONFIG).get("together", 1))


def _minimum(measured: Measured, moved: list[dict[str, Any]], stop: str, about: dict[str, Any]) -> dict[str, Any]:
    gap = generalization_gap(**{name: about[name] for name in record.SCORES})
    own = {measure: row for (at, measure), row in measured.items() if at == stop}
    found = {**about, **gap, "measurements": own}
    points = {row["point"]: _moved(row, gap) for row in moved if row["stop"] == stop}
    return {**found, "moved": points} if points else found


def _moved(row: dict[str, Any], gap: dict[str, float | None]) -> dict[str, Any]:
    """A point that a minimum was moved to, with the gap there: that before and what the scores changed by."""
    changes = row["changes"] or {}
    change = generalization_gap(**{name: changes.get(name) for name in record.SCORES})
    known = {
        name: None if gap[name] is None or change[name] is None else gap[name] + change[name]  # type: ignore[operator]
        for name in gap
    }
    return {**known, **{key: row[key] for key in ("measurements", "changes", "log_scale", "reason")}}


def _surfaces(
    folder: RunFolder, config: StudyConfig, runs: Sequence[Cell], measured: Mapping[str, Measured]
) -> list[dict[str, Any]]:
    """Return the slices of the typical runs; a study that grew may have others."""
    measure = config.measures[0]
    chosen = [(*each, folder.surface(each[0].id, each[1])) for each in typical(runs, measured, measure)]
    return [
        _surface(folder, config, cell, stop, path, measured[cell.id][stop, measure])
        for cell, stop, path in chosen
        if path.exists()
    ]


def _surface(
    folder: RunFolder, config: StudyConfig, cell: Cell, stop: str, path: Path, measured: Mapping[str, Any]
) -> dict[str, Any]:
    return {
        "run": cell.id,
        "optimizer": cell.optimizer,
        "stop": stop,
        "file": folder.relative(path),
        "seed": config.seed,
        "normalization": "filter",
        "points": config.surface_points,
        "radius": config.surface_radius,
        "examples": measured.get("examples"),
        "parameters": read_result(folder, cell.id).get("parameters"),
    }


def _settings(config: StudyConfig) -> dict[str, Any]:
    """Return what was set, without what was left at nothing."""
    return {key: value for key, value in dataclasses.asdict(config).items() if value not in (None, {}, (), (None,))}
