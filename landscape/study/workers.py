"""Processes that share the tasks of a folder, with one another and with other programs that work in it."""

import concurrent.futures
import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing.queues import Queue
from pathlib import Path

import torch

from landscape.errors import LandscapeError
from landscape.study.claims import Claims
from landscape.study.environment import threads_per_process
from landscape.study.folder import RunFolder, locked
from landscape.trust import inherit, trusted

Progress = Callable[[int, int, str], None]

Task = Callable[[torch.device], object]
"""What is done on a device; it goes to another process, so it is made of importable functions and plain values."""

POLL = 0.2
"""Seconds between two looks at tasks that others have."""

_place = torch.device("cpu")


class Counter:
    """Tasks done, told to whoever asked."""

    def __init__(self, total: int, on_progress: Progress | None) -> None:
        self._done, self._total, self._tell = 0, total, on_progress

    def add(self, what: str) -> None:
        """Count a task as done."""
        self._done += 1
        if self._tell is not None:
            self._tell(self._done, self._total, what)


def share_work(
    folder: RunFolder, tasks: Mapping[str, Task], finished: Collection[str], pool: "Workers", counter: Counter
) -> None:
    """Do those tasks that nobody else does, and wait for the others; the first failure ends it.

    A claim on a finished task was left by a process that was killed: the task is done once more, which finds its files
    there, so that no claim outlives the study.

    Args:
        folder: Where claims lie.
        tasks: By name, in the order in which they are to be done; each does nothing where its files are there.
        finished: Those whose files are there.
        pool: Who does them.
        counter: Told of each that is done, here or elsewhere.
    """
    claims = Claims(folder.claims)
    left = [name for name in tasks if name not in finished or not claims.is_done(name)]
    for name in tasks:
        if name not in left:
            counter.add(name)
    with locked(folder, wait=True):
        for name in left:
            claims.offer(name)
    while left:
        mine = [name for name in left if claims.reopen(name)]
        done = set(pool.run(folder.claims, {name: tasks[name] for name in mine}, counter))
        elsewhere = [name for name in left if name not in done and claims.is_done(name)]
        for name in elsewhere:
            counter.add(name)
        left = [name for name in left if name not in done and name not in elsewhere]
        if left and not done:
            time.sleep(POLL)
    with locked(folder, wait=True):
        # nobody offers a task meanwhile
        claims.close()


class Workers:
    """Processes that take tasks; with one job, the tasks run here.

    Args:
        jobs: How many.
        places: Their devices, in turn.
    """

    def __init__(self, jobs: int, places: Sequence[str]) -> None:
        self._pool = None
        self._here = torch.device(places[0])
        if jobs > 1:
            context = multiprocessing.get_context("spawn")
            queue: Queue[str] = context.Queue()
            for index in range(jobs):
                queue.put(places[index % len(places)])
            self._pool = ProcessPoolExecutor(
                jobs,
                mp_context=context,
                initializer=_start_worker,
                initargs=(threads_per_process(jobs), queue, trusted()),
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

    def run(self, claims: Path, tasks: Mapping[str, Task], counter: Counter) -> list[str]:
        """Do those of the tasks that can be claimed, and return their names; the first failure first."""
        if self._pool is None:
            done = []
            for name, task in tasks.items():
                if Claims(claims).work(name, lambda task=task: task(self._here)):  # type: ignore[misc]
                    done.append(name)
                    counter.add(name)
            return done
        futures = {self._pool.submit(_claimed, claims, name, task): name for name, task in tasks.items()}
        return [futures[each] for each in concurrent.futures.as_completed(futures) if _counted(each, futures, counter)]


def _counted(future: Future[bool], names: Mapping[Future[bool], str], counter: Counter) -> bool:
    try:
        done = future.result()
    except BrokenProcessPool as error:
        raise LandscapeError(
            "A worker process died (out of memory?). What is finished is kept: run the same command again, "
            "with --jobs 1 if memory is short."
        ) from error
    if done:
        counter.add(names[future])
    return done


def _claimed(claims: Path, name: str, task: Task) -> bool:
    return Claims(claims).work(name, lambda: task(_place))


def _start_worker(threads: int, places: "Queue[str]", names: frozenset[str] | None) -> None:
    global _place
    inherit(names)
    # Ctrl-C goes to the parent, which stops its workers
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    torch.set_num_threads(threads)
    _place = torch.device(places.get())
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """End this worker when the process that gave it work is gone, even by SIGKILL."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
