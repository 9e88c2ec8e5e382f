"""A study from its configuration to its report.json: cells in processes, each file written once."""

import math
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
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
from landscape.study.config import StudyConfig
from landscape.study.environment import environment
from landscape.study.folder import RunFolder, locked, open_folder
from landscape.study.measure_cell import measure_cell, measure_options, slice_cell
from landscape.study.moved_points import move_cell
from landscape.study.picked import picks, with_picked
from landscape.study.population import Population, notes, populations
from landscape.study.search import searched, try_draw, validation_split
from landscape.study.search_draws import Draw, draws, middle, trial
from landscape.study.train_cell import dataset_of, loss_of, model_of, train_cell, train_cells, training_config
from landscape.study.workers import Counter, Progress, Workers
from landscape.training import load_into
from landscape.training.running_average import checked_points
from landscape.weight_average import WeightAverage

PROBE = 256
"""Examples on which a network is tried before a study starts."""


def run_study(
    config: StudyConfig,
    root: Path,
    *,
    jobs: int | None = None,
    on_progress: Progress | None = None,
    on_note: Callable[[str], None] | None = None,
) -> dict[str, Any]:
    """Return the report of a study, run from where it was left.

    Every cell is a task of its own whose files are written whole, so that a study that was killed goes on from
    its finished cells, and a cell from its finished measurements.

    Args:
        config: What the study is.
        root: Its folder.
        jobs: Processes at once; one a core on a CPU, one on an accelerator, when None.
        on_progress: Called with (tasks done, tasks in all, what was done last).
        on_note: Called before training with sentences on which runs train together.

    Raises:
        UsageError: If a name, option or the folder cannot be used; mostly found before anything is written.
        ProblemError: If the model cannot be measured.
        StorageError: If a file cannot be read or written.
    """
    config = with_learning_rates(config)
    device = check(config)
    with locked(open_folder(root, config)) as folder:
        tries = draws(config) if config.tune else []
        todo = cells(middle(config) if config.tune else config)
        slices = len(dict.fromkeys(cell.optimizer for cell in todo)) if config.surface_points else 0
        workers = number_of_jobs(jobs, device, max(len(todo), len(tries)))
        counter = Counter(len(tries) + len(todo) + slices, on_progress)
        work = _Work(folder, device, workers, counter)
        _describe(work, config)
        if config.tune:
            config = _search(work, config, tries)
        together = populations(config, cells(config), device)
        if on_note is not None:
            for note in notes(together):
                on_note(note)
        _compute(work, config, together)
    return assemble(root)


@dataclass(frozen=True)
class _Work:
    """Where a study is computed: its folder, the device, the processes, and who is told."""

    folder: RunFolder
    device: torch.device
    workers: int
    counter: Counter


def _describe(work: _Work, config: StudyConfig) -> None:
    # the environment is that of the first call: what a continued study was started in
    if not work.folder.environment.exists():
        store.write_json(work.folder.environment, environment(work.device, work.workers))
    store.write_json(work.folder.measures, describe_measures(config))


def _search(work: _Work, config: StudyConfig, tries: Sequence[Draw]) -> StudyConfig:
    """Try what is drawn and not tried yet; return the study of what is picked."""
    with Workers(work.workers) as pool:
        tasks = [pool.submit(try_draw, config, each, work.folder, work.device) for each in tries]
        pool.finish(tasks, work.counter)
    return with_picked(config, picks(searched(config, work.folder)))


def _compute(work: _Work, config: StudyConfig, together: Sequence[Population]) -> None:
    """Train, measure and slice what is not there yet."""
    folder, device = work.folder, work.device
    parts = _parts(together, work.workers)
    with Workers(work.workers) as pool:
        # told of as its runs are measured
        pool.finish([pool.submit(_train_together, config, each, folder, device) for each in parts], Counter(1, None))
        pool.finish([pool.submit(_run_cell, config, cell, folder, device) for cell in cells(config)], work.counter)
        chosen = _typical(folder, config)
        pool.finish([pool.submit(_slice, config, cell, folder, device) for cell in chosen], work.counter)


def check(config: StudyConfig) -> torch.device:
    """Return the device of a study, after trying everything that can fail before anything is written.

    Raises:
        UsageError: If a name or option cannot be used.
        ProblemError: If the loss is not finite before training.
    """
    device = resolve_device(config.device)
    _check_measures(config)
    for draw in draws(config) if config.tune else []:
        training_config(*trial(config, draw))
    config = middle(config) if config.tune else config
    todo = cells(config)
    for cell in todo:
        if cell.checkpoint is None:
            training_config(config, cell)
    looked_at = {(cell.model, cell.train_examples, cell.label_noise, cell.checkpoint): cell for cell in todo}
    for cell in looked_at.values():
        _check_problem(config, cell)
    for cell in todo if config.average else []:
        _check_averages(config, cell)
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
    if config.tune:
        validation_split(dataset, config.seed)
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


def _check_averages(config: StudyConfig, cell: Cell) -> None:
    """Refuse averages of one point, and averages of what is not trained here."""
    if cell.checkpoint is not None:
        raise UsageError("An average is taken along a training; a checkpoint is none. Leave out --average.")
    count = len(dataset_of(config, cell).train[0])
    each = -(-count // (count if cell.batch_size == "full" else int(cell.batch_size)))
    for name in config.average:
        checked_points(WeightAverage.parse(name), config.steps or config.epochs * each, each)


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


def _run_cell(config: StudyConfig, cell: Cell, folder: RunFolder, device: torch.device) -> str:
    train_cell(config, cell, folder, device)
    measure_cell(config, cell, folder, device)
    move_cell(config, cell, folder, device)
    return cell.id


def _parts(together: Sequence[Population], workers: int) -> list[tuple[Cell, ...]]:
    """Return the runs of each task that trains several at once, enough tasks for all processes."""
    chosen = [each for each in together if each.together]
    return [part for each in chosen for part in each.parts(-(-workers // len(chosen)))]


def _train_together(config: StudyConfig, cells: Sequence[Cell], folder: RunFolder, device: torch.device) -> str:
    train_cells(config, cells, folder, device)
    return f"{len(cells)} runs of {cells[0].optimizer} trained together"


def _slice(config: StudyConfig, chosen: tuple[Cell, str], folder: RunFolder, device: torch.device) -> str:
    cell, stop = chosen
    slice_cell(config, cell, folder, stop, device)
    return f"slice of {cell.id}"
