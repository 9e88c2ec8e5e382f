"""A study from its configuration to its report.json: cells in processes, each file written once."""

import concurrent.futures
import math
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
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
from landscape.study.environment import environment, threads_per_process
from landscape.study.folder import RunFolder, locked, open_folder
from landscape.study.measure_cell import measure_cell, measure_options, slice_cell
from landscape.study.moved_points import move_cell
from landscape.study.train_cell import dataset_of, loss_of, model_of, train_cell, training_config
from landscape.training import load_into

PROBE = 256
"""Examples on which a network is tried before a study starts."""

Progress = Callable[[int, int, str], None]


def run_study(
    config: StudyConfig, root: Path, *, jobs: int | None = None, on_progress: Progress | None = None
) -> dict[str, Any]:
    """Return the report of a study, run from where it was left.

    Every cell is a task of its own whose files are written whole, so that a study that was killed goes on from
    its finished cells, and a cell from its finished measurements.

    Args:
        config: What the study is.
        root: Its folder.
        jobs: Processes at once; one a core on a CPU, one on an accelerator, when None.
        on_progress: Called with (tasks done, tasks in all, what was done last).

    Raises:
        UsageError: If a name, option or the folder cannot be used; mostly found before anything is written.
        ProblemError: If the model cannot be measured.
        StorageError: If a file cannot be read or written.
    """
    config = with_learning_rates(config)
    device = check(config)
    todo = cells(config)
    with locked(open_folder(root, config)) as folder:
        _compute(folder, config, todo, device, jobs, on_progress)
    return assemble(root)


def _compute(
    folder: RunFolder,
    config: StudyConfig,
    todo: Sequence[Cell],
    device: torch.device,
    jobs: int | None,
    on_progress: Progress | None,
) -> None:
    """Train, measure and slice what is not there yet."""
    workers = number_of_jobs(jobs, device, len(todo))
    # the environment is that of the first call: what a continued study was started in
    if not folder.environment.exists():
        store.write_json(folder.environment, environment(device, workers))
    store.write_json(folder.measures, describe_measures(config))
    slices = len(dict.fromkeys(cell.optimizer for cell in todo)) if config.surface_points else 0
    counter = _Counter(len(todo) + slices, on_progress)
    with _Workers(workers) as pool:
        pool.finish([pool.submit(_run_cell, config, cell, folder, device) for cell in todo], counter)
        pool.finish([pool.submit(_slice, config, cell, folder, device) for cell in _typical(folder, config)], counter)


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


def _run_cell(config: StudyConfig, cell: Cell, folder: RunFolder, device: torch.device) -> str:
    train_cell(config, cell, folder, device)
    measure_cell(config, cell, folder, device)
    move_cell(config, cell, folder, device)
    return cell.id


def _slice(config: StudyConfig, chosen: tuple[Cell, str], folder: RunFolder, device: torch.device) -> str:
    cell, stop = chosen
    slice_cell(config, cell, folder, stop, device)
    return f"slice of {cell.id}"


class _Counter:
    """Tasks done, told to whoever asked."""

    def __init__(self, total: int, on_progress: Progress | None) -> None:
        self._done, self._total, self._tell = 0, total, on_progress

    def add(self, what: str) -> None:
        self._done += 1
        if self._tell is not None:
            self._tell(self._done, self._total, what)


class _Workers:
    """Processes that take tasks; with one job, the tasks run here."""

    def __init__(self, jobs: int) -> None:
        self._pool = None
        if jobs > 1:
            self._pool = ProcessPoolExecutor(
                jobs,
                mp_context=multiprocessing.get_context("spawn"),
                initializer=_start_worker,
                initargs=(threads_per_process(jobs),),
            )

    def __enter__(self) -> "_Workers":
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if self._pool is None:
            return
        if kind is not None:
            # files are written whole, so a worker can be stopped at any moment
            for process in list((self._pool._processes or {}).values()):
                process.terminate()
        self._pool.shutdown(wait=True, cancel_futures=True)

    def submit(self, task: Callable[..., str], *arguments: Any) -> Future[str]:
        if self._pool is not None:
            return self._pool.submit(task, *arguments)
        return _Deferred(task, arguments)

    def finish(self, tasks: Sequence[Future[str]], counter: _Counter) -> None:
        """Wait for all tasks, the first failure first."""
        in_order = tasks if self._pool is None else concurrent.futures.as_completed(tasks)
        for task in in_order:
            try:
                counter.add(task.result())
            except BrokenProcessPool as error:
                raise LandscapeError(
                    "A worker process died (out of memory?). What is finished is kept: run the same command again, "
                    "with --jobs 1 if memory is short."
                ) from error


class _Deferred(Future[str]):
    """A task that runs in this process when its result is asked for."""

    def __init__(self, task: Callable[..., str], arguments: tuple[Any, ...]) -> None:
        super().__init__()
        self._task, self._arguments = task, arguments

    def result(self, timeout: float | None = None) -> str:
        return self._task(*self._arguments)


def _start_worker(threads: int) -> None:
    # Ctrl-C goes to the parent, which stops its workers
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    torch.set_num_threads(threads)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """End this worker when the process that gave it work is gone, even by SIGKILL."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
