"""The processes that ``torchrun -m landscape`` starts: joined, heard of once, and ended together."""

import faulthandler
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import click

from landscape.errors import LandscapeError, UsageError

SHARED = ("hessian", "sharpness", "surface")
"""The commands that share one minimum's work."""
_BEAT = 0.2
_SILENT = 1.5
"""Seconds without a beat after which a process is taken for dead."""
_TOLD = "landscape/told"


def count() -> int:
    """Return how many processes were started together."""
    word = os.environ.get("WORLD_SIZE", "1")
    return int(word) if word.isdigit() else 1


def is_first() -> bool:
    """Return whether this process is the one that prints and writes."""
    return count() == 1 or os.environ.get("RANK", "0") == "0"


def process_group() -> Any:
    """Return torch's group of the processes that share the work, or None where this one is alone."""
    if count() == 1:
        return None
    import torch.distributed as dist

    return dist.group.WORLD if dist.is_initialized() else None


@contextmanager
def joined(arguments: Sequence[str]) -> Iterator[None]:
    """Join the processes of a job for the time of a command, and end this one; does nothing where this one is alone.

    Only the first process is heard. An error that only another one has is printed by that one; of one that has ended
    some other prints the number, and all of them end.

    Args:
        arguments: The command line after the program's name.

    Raises:
        UsageError: If the command does not share one minimum's work.
        LandscapeError: As the command raises it.
        SystemExit: As the command raises it, where this process is alone.
    """
    if count() == 1:
        yield
        return
    talk = _Talk()
    try:
        command = next((each for each in arguments if not each.startswith("-")), "")
        if command not in SHARED:
            raise UsageError(
                f"Processes of torchrun share the work of one minimum ({', '.join(SHARED)}), which "
                f"`landscape {command}` is not. A study shares its runs with --jobs, --devices and --shard."
            )
        talk.join()
        code: object = 0
        try:
            yield
        except SystemExit as ended:
            # how click ends a command, well or not: the same in every process
            code = ended.code
        talk.leave(code)
    except LandscapeError as error:
        talk.end(error)
        raise
    finally:
        talk.stop_beating()


class _Talk:
    """What a process says to the user and to the others."""

    def __init__(self) -> None:
        self.rank, self.count = int(os.environ.get("RANK", "0")), count()
        self._store: Any = None
        self._stopped = threading.Event()
        self._beats = threading.Thread(target=self._beat, daemon=True)
        if self.rank:
            sys.stdout.flush()
            self._stderr = os.dup(2)
            silence = os.open(os.devnull, os.O_WRONLY)
            os.dup2(silence, 1)
            os.dup2(silence, 2)
            # a process that a signal such as SIGSEGV or SIGABRT ends is heard all the same
            faulthandler.enable(self._stderr)

    def join(self) -> None:
        """Connect to the others, on the GPU of this process's number where there are GPUs."""
        import torch
        import torch.distributed as dist

        gpus = torch.cuda.device_count()
        if gpus:
            torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", "0")) % gpus)
        signal.signal(signal.SIGTERM, self._terminated)
        dist.init_process_group("cpu:gloo,cuda:nccl" if gpus else "gloo", timeout=timedelta(hours=12))
        address, port = os.environ["MASTER_ADDR"], int(os.environ["MASTER_PORT"])
        self._store = dist.TCPStore(  # type: ignore[attr-defined]
            address, port, is_master=False, timeout=timedelta(seconds=10)
        )
        self._store.set(_beat_of(self.rank), "0")
        dist.barrier()
        self._beats.start()

    def leave(self, code: object) -> None:
        """Wait for the others, the first one while it writes, disconnect, and end this process.

        The interpreter is not closed: gloo's threads outlive the group while anything holds it, and a process whose
        work was done has been seen aborted as it closed beside them.

        Args:
            code: What the command ends with, as a ``SystemExit`` has it.

        Raises:
            LostProcess: If one of them has ended before.
        """
        import torch.distributed as dist

        from landscape.ranks import ranks_of

        ranks_of(dist.group.WORLD).wait()
        # torchrun tells all to stop when the first has ended with another code than 0: this one is as good as ended
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        self.stop_beating()
        dist.destroy_process_group()
        if code is not None and not isinstance(code, int):
            # as the interpreter does with what a user's own code gives to sys.exit
            click.echo(code, err=True)
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code if isinstance(code, int) else int(code is not None))

    def stop_beating(self) -> None:
        """Let the last beat end: an interpreter that closes while a thread is in the store aborts."""
        self._stopped.set()
        if self._beats.is_alive():
            self._beats.join()

    def end(self, error: LandscapeError) -> None:
        """Say what is wrong, if nobody has, and end this process; the first one's own mistake is left to its caller."""
        from landscape.ranks import LostProcess

        # torchrun tells all others to stop when one has ended
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        if self._store is None:
            if self.rank:
                # torchrun ends all when the first of them ends: the one that is heard goes first
                time.sleep(2 * _SILENT)
                os._exit(error.exit_code)
            return
        if isinstance(error, LostProcess):
            self._name_the_lost()
        elif self.rank == 0:
            self._may_tell()
            click.echo(f"Error: {error}", err=True)
        else:
            # a mistake that all of them see is the first one's to tell
            time.sleep(2 * _SILENT)
            if self._may_tell():
                self._say(f"process {self.rank} of {self.count}: {error}")
        os._exit(error.exit_code)

    def _name_the_lost(self) -> None:
        if not self._may_tell():
            # the one that tells listens for the beats of this one
            time.sleep(2 * _SILENT)
            return
        lost = self._silent()
        if lost:
            names = " and ".join(str(each) for each in lost)
            has = "has" if len(lost) == 1 else "have"
            self._say(f"process {names} of {self.count} (they count from 0) {has} ended, so the others stop too.")
        else:
            self._say("the processes were stopped from outside.")

    def _silent(self) -> list[int]:
        """Return the processes whose beats do not come any more."""
        try:
            before = [self._store.get(_beat_of(each)) for each in range(self.count)]
            time.sleep(_SILENT)
            after = [self._store.get(_beat_of(each)) for each in range(self.count)]
        except RuntimeError:
            # the store is the first one's
            return [0]
        return [each for each in range(self.count) if before[each] == after[each] and each != self.rank]

    def _may_tell(self) -> bool:
        """Return whether this is the process that tells: the first to ask."""
        try:
            return bool(self._store.compare_set(_TOLD, "", str(self.rank)) == str(self.rank).encode())
        except RuntimeError:
            return self.rank == 1

    def _say(self, text: str) -> None:
        os.write(self._stderr if self.rank else 2, f"Error: {text}\n".encode())

    def _beat(self) -> None:
        beats = 0
        while not self._stopped.wait(_BEAT):
            beats += 1
            try:
                self._store.set(_beat_of(self.rank), str(beats))
            except RuntimeError:
                return

    def _terminated(self, *_: Any) -> None:
        from landscape.ranks import LostProcess

        raise LostProcess("The process was told to stop.")


def _beat_of(rank: int) -> str:
    return f"landscape/beat/{rank}"
