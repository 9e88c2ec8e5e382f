"""Processes that take the tasks of a study, and the count of those that are done."""

import concurrent.futures
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import Any

import torch

from landscape.errors import LandscapeError
from landscape.study.environment import threads_per_process

Progress = Callable[[int, int, str], None]


class Counter:
    """Tasks done, told to whoever asked."""

    def __init__(self, total: int, on_progress: Progress | None) -> None:
        self._done, self._total, self._tell = 0, total, on_progress

    def add(self, what: str) -> None:
        """Count one more task."""
        self._done += 1
        if self._tell is not None:
            self._tell(self._done, self._total, what)


class Workers:
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

    def __enter__(self) -> "Workers":
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
        """Give a task to a process that is free."""
        if self._pool is not None:
            return self._pool.submit(task, *arguments)
        return _Deferred(task, arguments)

    def finish(self, tasks: Sequence[Future[str]], counter: Counter) -> None:
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
