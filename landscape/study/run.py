"""A study from its configuration to its report.json: cells in processes, each file written once."""

import functools
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from landscape import store
from landscape.device import resolve_device
from landscape.plain_folder import refuse_links_out
from landscape.registry import measures
from landscape.study.assemble import assemble, typical
from landscape.study.cells import Cell, cells, with_learning_rates
from landscape.study.checks import check
from landscape.study.claims import Claims
from landscape.study.config import StudyConfig, differences
from landscape.study.environment import environment
from landscape.study.extend import change_how, differs_in_how_only, extend, is_extension
from landscape.study.folder import (
    RunFolder,
    asked_for,
    is_trained,
    locked,
    open_folder,
    read_measurements,
)
from landscape.study.measure_cell import measure_cell, missing_measurements, slice_cell
from landscape.study.moved_points import missing_moves, move_cell
from landscape.study.picked import picks, with_picked
from landscape.study.population import notes, parts_of, populations
from landscape.study.primary import write_primary
from landscape.study.repair import repair
from landscape.study.search import searched, try_draw
from landscape.study.search_draws import Draw, draws, middle
from landscape.study.train_cell import train_cell, train_cells
from landscape.study.workers import Counter, Progress, Workers, share_work


def run_study(
    config: StudyConfig,
    root: Path,
    *,
    jobs: int | None = None,
    devices: Sequence[str] = (),
    shard: tuple[int, int] = (1, 1),
    on_progress: Progress | None = None,
    on_note: Callable[[str], None] | None = None,
    on_start: Callable[[], None] | None = None,
) -> dict[str, Any]:
    """Return the report of a study, run from where it was left.

    Every cell is a task of its own whose files are written whole, so that a study that was killed goes on from
    its finished cells, and a cell from its finished measurements. Several processes, on several machines that share
    the folder, may run the same study: each takes cells that no other has.

    Args:
        config: What the study is.
        root: Its folder.
        jobs: Processes at once; one a core on a CPU, one on an accelerator, one for each of ``devices``, when None.
        devices: Where the processes of this study compute, in turn; all on the configuration's device when empty.
        shard: (i, n): only every n-th cell, from the i-th; the report holds what is there.
        on_progress: Called with (tasks done, tasks in all, what was done last).
        on_note: Called with a sentence for each group of runs that train together, and for every file that was found
            damaged and is computed again.
        on_start: Called once, when all is checked and the folder is there.

    Raises:
        UsageError: If a name, option or the folder cannot be used; mostly found before anything is written.
        ProblemError: If the model cannot be measured.
        StorageError: If a file cannot be read or written.
    """
    config = with_learning_rates(config)
    device = check(config)
    places = [str(resolve_device(each)) for each in devices] or [str(device)]
    folder = _opened(root, config)
    if on_start is not None:
        on_start()
    tries = draws(config) if config.tune else []
    todo = _part(cells(middle(config) if config.tune else config), shard)
    slices = len(dict.fromkeys(cell.optimizer for cell in todo)) if config.surface_points else 0
    workers = number_of_jobs(jobs or (len(places) if devices else None), device, max(len(todo), len(tries)))
    counter = Counter(len(tries) + len(todo) + slices, on_progress)
    work = _Work(folder, device, places, workers, shard, counter)
    _describe(work, config)
    if config.tune:
        config = _search(work, config, tries)
    claims = Claims(folder.claims)
    for cell in _part(cells(config), shard):
        # what another process works on is not whole yet, and not damaged
        if claims.is_free(cell.id) and claims.is_free(_slice_of(cell)):
            for sentence in repair(folder, cell):
                (on_note or _silent)(sentence)
    together = populations(config, cells(config), device)
    ahead = [each for each in together if not all(is_trained(folder, cell.id, config.stops) for cell in each.cells)]
    for note in (*notes(ahead), *_trained_again(config, folder)):
        (on_note or _silent)(note)
    with locked(folder, wait=True):
        # whoever is first decides which runs train together: others may have other numbers of processes
        parts = parts_of(folder, together, workers)
    _compute(work, config, parts)
    with locked(folder, wait=True):
        return assemble(root)


@dataclass(frozen=True)
class _Work:
    """Where a study is computed: its folder, the devices, the processes, which part, and who is told."""

    folder: RunFolder
    device: torch.device
    places: Sequence[str]
    workers: int
    shard: tuple[int, int]
    counter: Counter


def _opened(root: Path, config: StudyConfig) -> RunFolder:
    """Return the folder of a study, extended where it holds a smaller one, or one that is computed in another way."""
    refuse_links_out(root)
    folder = RunFolder(root)
    if folder.study.exists():
        with locked(folder, wait=True):
            stored = asked_for(folder)
            if differs_in_how_only(stored, config):
                change_how(folder, config)
            elif differences(stored, config) and is_extension(stored, config):
                extend(folder, stored, config)
    folder = open_folder(root, config)
    with locked(folder, wait=True):
        write_primary(folder, config)
    return folder


def _trained_again(config: StudyConfig, folder: RunFolder) -> list[str]:
    """Say how many finished runs lack points that are asked for now."""
    done = [cell.id for cell in cells(config) if is_trained(folder, cell.id)]
    lacking = [each for each in done if not is_trained(folder, each, config.stops)]
    if not lacking:
        return []
    what = "runs are" if len(lacking) > 1 else "run is"
    return [f"{len(lacking)} finished {what} trained once more, to find points that were not asked for before."]


def _part(runs: Sequence[Cell], shard: tuple[int, int]) -> Sequence[Cell]:
    return runs[shard[0] - 1 :: shard[1]]


def _slice_of(cell: Cell) -> str:
    """Return the name of the task of a run's slice."""
    return f"slice-{cell.id}"


def _silent(sentence: str) -> None:
    """Say nothing."""


def _describe(work: _Work, config: StudyConfig) -> None:
    with locked(work.folder, wait=True):
        # the environment is that of the first call: what a continued study was started in
        if not work.folder.environment.exists():
            store.write_json(work.folder.environment, environment(work.device, work.workers))
        store.write_json(work.folder.measures, describe_measures(config))


def _search(work: _Work, config: StudyConfig, tries: Sequence[Draw]) -> StudyConfig:
    """Try what is drawn and not tried yet; return the study of what is picked."""
    folder = work.folder
    drawn = {f"search-{each.optimizer}-{each.index + 1}": each for each in tries}
    tasks = {name: functools.partial(try_draw, config, each, folder) for name, each in drawn.items()}
    tried = [name for name, each in drawn.items() if folder.tried(each.optimizer, each.index).exists()]
    with Workers(work.workers, work.places) as pool:
        share_work(folder, tasks, tried, pool, work.counter)
    with locked(folder, wait=True):
        return with_picked(config, picks(searched(config, folder)))


def _compute(work: _Work, config: StudyConfig, parts: Sequence[Sequence[str]]) -> None:
    """Train, measure and slice what is not there yet; slices wait for the last run of all parts."""
    folder, todo = work.folder, cells(config)
    mine = _part(todo, work.shard)
    with Workers(work.workers, work.places) as pool:
        _train_together(work, config, [[cell for cell in mine if cell.id in part] for part in parts], pool)
        tasks = {cell.id: functools.partial(_run_cell, config, cell, folder) for cell in mine}
        share_work(folder, tasks, [cell.id for cell in mine if _is_finished(config, cell, folder)], pool, work.counter)
        if work.shard == (1, 1) or all(_is_finished(config, cell, folder) for cell in todo):
            chosen = _typical(folder, config, todo)
            slicing = {_slice_of(each[0]): functools.partial(_slice, config, each, folder) for each in chosen}
            there = [_slice_of(cell) for cell, stop in chosen if folder.surface(cell.id, stop).exists()]
            share_work(folder, slicing, there, pool, work.counter)


def describe_measures(config: StudyConfig) -> list[dict[str, Any]]:
    """Return what reports say of the study's measures."""
    entries = [measures[name] for name in config.measures]
    return [
        {
            "name": entry.name,
            "label": entry.value.label,
            "symbol": entry.value.symbol,
            "summary": entry.summary,
            "blind_spot": entry.value.blind_spot,
            "quantity": entry.value.quantity,
            "sign": entry.value.sign,
            "why_not": entry.value.why_not,
        }
        for entry in entries
    ]


def number_of_jobs(jobs: int | None, device: torch.device, tasks: int) -> int:
    """Return how many processes work at once."""
    most = (os.cpu_count() or 1) if device.type == "cpu" else 1
    return max(1, min(jobs or most, tasks))


def _typical(folder: RunFolder, config: StudyConfig, runs: Sequence[Cell]) -> list[tuple[Cell, str]]:
    if not config.surface_points:
        return []
    return typical(runs, {cell.id: read_measurements(folder, cell.id) for cell in runs}, config.measures[0])


def _is_finished(config: StudyConfig, cell: Cell, folder: RunFolder) -> bool:
    """Return whether a run is trained and measured; the file of a checkpoint is always looked at again."""
    if cell.checkpoint or not is_trained(folder, cell.id, config.stops):
        return False
    return not missing_measurements(config, cell, folder) and not missing_moves(config, cell, folder)


def _run_cell(config: StudyConfig, cell: Cell, folder: RunFolder, device: torch.device) -> None:
    train_cell(config, cell, folder, device)
    measure_cell(config, cell, folder, device)
    move_cell(config, cell, folder, device)


def _train_together(work: _Work, config: StudyConfig, parts: Sequence[Sequence[Cell]], pool: Workers) -> None:
    """Train the runs of each part as one batched model; they are told of when they are measured."""
    tasks = {
        f"together-{part[0].id}": functools.partial(train_cells, config, part, work.folder) for part in parts if part
    }
    trained = [
        f"together-{part[0].id}"
        for part in parts
        if part and all(is_trained(work.folder, cell.id, config.stops) for cell in part)
    ]
    share_work(work.folder, tasks, trained, pool, Counter(len(tasks), None))


def _slice(config: StudyConfig, chosen: tuple[Cell, str], folder: RunFolder, device: torch.device) -> None:
    cell, stop = chosen
    slice_cell(config, cell, folder, stop, device)
