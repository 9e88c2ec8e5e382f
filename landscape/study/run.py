"""A study from its configuration to its report.json: cells in processes, each file written once."""

import functools
import math
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch

from landscape import store
from landscape.device import resolve_device
from landscape.errors import LandscapeError, ProblemError, UsageError
from landscape.measures.measure import parsed_options
from landscape.problem import Problem
from landscape.registry import measures
from landscape.study.assemble import assemble, typical
from landscape.study.cells import Cell, cells, with_learning_rates
from landscape.study.config import StudyConfig, differences
from landscape.study.environment import environment
from landscape.study.extend import extend, is_extension
from landscape.study.folder import RunFolder, is_trained, locked, open_folder, stored_config
from landscape.study.measure_cell import measure_cell, measure_options, missing_measurements, slice_cell
from landscape.study.repair import repair
from landscape.study.train_cell import dataset_of, loss_of, model_of, train_cell, training_config
from landscape.study.workers import Counter, Progress, Workers, share_work
from landscape.training import load_into

PROBE = 256
"""Examples on which a network is tried before a study starts."""


def run_study(
    config: StudyConfig,
    root: Path,
    *,
    jobs: int | None = None,
    devices: Sequence[str] = (),
    shard: tuple[int, int] = (1, 1),
    on_progress: Progress | None = None,
    on_repair: Callable[[str], None] | None = None,
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
        on_repair: Called with a sentence for every file that was found damaged and is computed again.

    Raises:
        UsageError: If a name, option or the folder cannot be used; mostly found before anything is written.
        ProblemError: If the model cannot be measured.
        StorageError: If a file cannot be read or written.
    """
    config = with_learning_rates(config)
    device = check(config)
    places = [str(resolve_device(each)) for each in devices] or [str(device)]
    todo = cells(config)
    mine = todo[shard[0] - 1 :: shard[1]]
    folder = _opened(root, config)
    jobs = number_of_jobs(jobs or (len(places) if devices else None), device, len(mine))
    _prepare(folder, config, device, jobs)
    for sentence in (each for cell in mine for each in repair(folder, cell)):
        if on_repair is not None:
            on_repair(sentence)
    _compute(folder, config, (todo, mine), jobs, places, on_progress)
    with locked(folder, wait=True):
        return assemble(root)


def _opened(root: Path, config: StudyConfig) -> RunFolder:
    """Return the folder of a study, extended where it holds a smaller one."""
    folder = RunFolder(root)
    if folder.study.exists():
        with locked(folder, wait=True):
            stored = stored_config(folder)
            if differences(stored, config) and is_extension(stored, config):
                extend(folder, stored, config)
    return open_folder(root, config)


def _prepare(folder: RunFolder, config: StudyConfig, device: torch.device, jobs: int) -> None:
    """Write what describes the study as a whole."""
    with locked(folder, wait=True):
        # the environment is that of the first call: what a continued study was started in
        if not folder.environment.exists():
            store.write_json(folder.environment, environment(device, jobs))
        store.write_json(folder.measures, describe_measures(config))


def _compute(
    folder: RunFolder,
    config: StudyConfig,
    runs: tuple[Sequence[Cell], Sequence[Cell]],
    jobs: int,
    places: Sequence[str],
    on_progress: Progress | None,
) -> None:
    """Train, measure and slice what is not there yet, of (all runs, those of this shard)."""
    todo, mine = runs
    slices = len(dict.fromkeys(cell.optimizer for cell in todo)) if config.surface_points else 0
    counter = Counter(len(mine) + slices, on_progress)
    with Workers(jobs, places) as pool:
        tasks = {cell.id: functools.partial(_run_cell, config, cell, folder) for cell in mine}
        finished = [cell.id for cell in mine if _is_finished(config, cell, folder)]
        share_work(folder, tasks, finished, pool, counter)
        if all(_is_finished(config, cell, folder) for cell in todo):
            chosen = _typical(folder, config)
            slicing = {f"slice-{each[0].id}": functools.partial(_slice, config, each, folder) for each in chosen}
            there = [f"slice-{cell.id}" for cell, stop in chosen if folder.surface(cell.id, stop).exists()]
            share_work(folder, slicing, there, pool, counter)


def check(config: StudyConfig) -> torch.device:
    """Return the device of a study, after trying everything that can fail before anything is written.

    Raises:
        UsageError: If a name or option cannot be used.
        ProblemError: If the loss is not finite before training.
    """
    device = resolve_device(config.device)
    _check_measures(config)
    todo = cells(config)
    for cell in todo:
        if cell.checkpoint is None:
            training_config(config, cell)
    looked_at = {(cell.model, cell.train_examples, cell.label_noise, cell.checkpoint): cell for cell in todo}
    for cell in looked_at.values():
        _check_problem(config, cell)
    return device


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


def _check_problem(config: StudyConfig, cell: Cell) -> None:
    """Look at the data, the network and the loss before training."""
    dataset = dataset_of(config, cell)
    if config.examples is not None and config.examples > len(dataset.train[0]):
        raise UsageError(
            f"--examples {config.examples} is more than the {len(dataset.train[0])} training examples there are."
        )
    model = model_of(config, cell, dataset)
    if cell.checkpoint is not None:
        load_into(model, cell.checkpoint)
    # some examples tell; all of them would take minutes on a large set
    some = tuple(each[:PROBE] for each in dataset.train)
    try:
        loss = Problem(model, loss_of(config), some).loss()
    except LandscapeError:
        raise
    except Exception as error:
        raise ProblemError(f"{cell.model} or its loss raised {type(error).__name__}: {error}") from error
    if not math.isfinite(loss):
        where = f"at {cell.checkpoint}" if cell.checkpoint else "before training"
        raise ProblemError(
            f"The loss of {cell.model} on {dataset.name} is {loss} {where}. "
            f"Look for a division by zero, or inputs that are not scaled."
        )


def _check_measures(config: StudyConfig) -> None:
    for name in config.measures:
        parsed_options(name, measure_options(config))
    for name in config.measure_option:
        if name not in config.measures:
            raise UsageError(f"An option is given for {name!r}, which is not among the measures of this study.")


def _typical(folder: RunFolder, config: StudyConfig) -> list[tuple[Cell, str]]:
    if not config.surface_points:
        return []
    optimizers = dict.fromkeys(cell.optimizer for cell in cells(config))
    found = [typical(folder, config, optimizer) for optimizer in optimizers]
    return [each for each in found if each is not None]


def _is_finished(config: StudyConfig, cell: Cell, folder: RunFolder) -> bool:
    """Return whether a run is trained and measured; the file of a checkpoint is always looked at again."""
    if cell.checkpoint or not is_trained(folder, cell.id):
        return False
    return not missing_measurements(config, cell, folder)


def _run_cell(config: StudyConfig, cell: Cell, folder: RunFolder, device: torch.device) -> None:
    train_cell(config, cell, folder, device)
    measure_cell(config, cell, folder, device)


def _slice(config: StudyConfig, chosen: tuple[Cell, str], folder: RunFolder, device: torch.device) -> None:
    cell, stop = chosen
    slice_cell(config, cell, folder, stop, device)
