"""Who works on which run: several processes, terminals or machines share one folder without a server."""

import contextlib
import os
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path

from landscape.errors import StorageError

BEAT = 1.0
"""Seconds between two beats of a claim."""

PATIENCE = 30.0
"""Seconds without a beat after which a claim is taken over."""

_OPEN = "open"


class Claims:
    """The claims of one process on the tasks of a folder.

    A task that is to be done is a file, and whoever renames it to carry his own name has it: a rename has one winner,
    on network file systems too. While he works, its time of change counts beats. A claim whose count stands still is
    renamed back by whoever saw that, from its very name, so that here too one wins. No clock of one machine is held
    against that of another, nor against itself before a jump: beats are counted, and waiting is by a monotonic clock.

    Args:
        folder: Where claims lie.
        patience: Seconds without a beat after which a claim is taken over.
        beat: Seconds between two beats.
    """

    def __init__(self, folder: Path, *, patience: float = PATIENCE, beat: float = BEAT) -> None:
        self._folder, self._patience, self._beat = folder, patience, beat
        self._owner = _this_process()
        self._seen: dict[str, tuple[int, float]] = {}

    def offer(self, task: str) -> None:
        """Let a task be claimed, if nobody has it.

        Raises:
            StorageError: If the folder cannot be written to.
        """
        if self._holder(task) is not None:
            return
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            self._path(task, _OPEN).touch()
        except OSError as error:
            raise StorageError(f"Cannot write to {self._folder}: {error.strerror or error}.") from error

    def work(self, task: str, do: Callable[[], object]) -> bool:
        """Do a task if it is open; return whether it was done here. What ``do`` raises leaves the task open again."""
        if not self._rename(task, _OPEN, self._owner):
            return False
        stop = threading.Event()
        heart = threading.Thread(target=self._keep_beating, args=(self._path(task, self._owner), stop), daemon=True)
        heart.start()
        try:
            do()
        except BaseException:
            self._rename(task, self._owner, _OPEN)
            raise
        finally:
            stop.set()
            heart.join()
        self._path(task, self._owner).unlink(missing_ok=True)
        return True

    def is_done(self, task: str) -> bool:
        """Return whether a task that was offered is done."""
        return self._holder(task) is None

    def is_free(self, task: str) -> bool:
        """Return whether nobody works on a task: it is not offered, or open, or its claim is dead and now opened."""
        return self.reopen(task) or self.is_done(task)

    def reopen(self, task: str) -> bool:
        """Return whether a task is open, after opening it where its claim is dead.

        A claim is dead if its process was one of this machine and is gone, or if its beats have stood still between
        calls for as long as ``patience``.
        """
        holder = self._holder(task)
        if holder is None or holder == _OPEN:
            return holder == _OPEN
        path = self._path(task, holder)
        try:
            count, now = path.stat().st_mtime_ns, time.monotonic()
        except FileNotFoundError:
            return False
        if count != self._seen.get(path.name, (None, 0.0))[0]:
            self._seen[path.name] = count, now
        dead = _is_dead(holder) or now - self._seen[path.name][1] >= self._patience
        return dead and self._rename(task, holder, _OPEN)

    def withdraw(self, task: str) -> None:
        """Take back the offer of a task that nobody works on."""
        self._path(task, _OPEN).unlink(missing_ok=True)

    def close(self) -> None:
        """Remove the folder of the claims if none is left."""
        with contextlib.suppress(OSError):
            self._folder.rmdir()

    def _holder(self, task: str) -> str | None:
        """Return who has a task, ``"open"`` if nobody has, None if it is not offered."""
        try:
            found = [name for name in os.listdir(self._folder) if name.startswith(f"{task}@")]
        except FileNotFoundError:
            return None
        return found[0].removeprefix(f"{task}@") if found else None

    def _rename(self, task: str, old: str, new: str) -> bool:
        try:
            self._path(task, old).rename(self._path(task, new))
        except FileNotFoundError:
            return False
        return True

    def _path(self, task: str, holder: str) -> Path:
        return self._folder / f"{task}@{holder}"

    def _keep_beating(self, claim: Path, stop: threading.Event) -> None:
        count = 0
        while not stop.wait(self._beat):
            count += 1
            try:
                os.utime(claim, ns=(count, count))
            except OSError:
                # taken over, as it may be where this process was halted for long: what it writes is the same
                return


def _this_process() -> str:
    """Return a name of this process: machine, process namespace, number."""
    return f"{_place()}-{os.getpid()}"


def _place() -> str:
    """Return a name of the machine, and of the container on it where processes are numbered on their own."""
    host = "".join(each if each.isalnum() else "_" for each in socket.gethostname())
    try:
        space = os.readlink("/proc/self/ns/pid").strip("pid:[]")
    except OSError:
        space = "0"
    return f"{host}-{space}"


def _is_dead(holder: str) -> bool:
    """Return whether a process of this machine is gone; of others only their beats tell."""
    place, _, number = holder.rpartition("-")
    if place != _place() or not number.isdigit():
        return False
    try:
        os.kill(int(number), 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    return False
