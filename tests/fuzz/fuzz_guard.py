"""What a case may not do: run code that lies there, write elsewhere, start programs, connect, take long or too much."""

import contextlib
import os
import resource
import signal
import sys
import types
import warnings
from collections.abc import Iterator
from pathlib import Path

SECONDS = 20.0
"""Processor time that a case may take."""
MEMORY = 4 * 2**30
"""Bytes of address space that a round may take beyond what the program has before it."""

_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
_CHANGES = {"os.remove", "os.rename", "os.mkdir", "os.rmdir", "os.link", "os.symlink", "os.truncate", "os.chmod"}
_NEVER = {
    "subprocess.Popen",
    "os.system",
    "os.exec",
    "os.posix_spawn",
    "os.fork",
    "socket.connect",
    "pickle.find_class",
}


class Forbidden(BaseException):
    """Something that no input may bring about; no handler of the program's catches it."""


class Hang(BaseException):
    """A case that takes too long."""


PLANTED = "planted"
"""The module whose names are planted in files; nothing may even look for it."""

_inside: Path | None = None


def _watch(event: str, arguments: tuple[object, ...]) -> None:
    if _inside is None:
        return
    if event in _NEVER:
        raise Forbidden(f"{event} {arguments!r}"[:300])
    if (event == "exec" and _is_theirs(arguments[0])) or (event == "import" and str(arguments[0]).startswith(PLANTED)):
        raise Forbidden(f"{event} {arguments[0]!r}"[:300])
    writes = event == "open" and isinstance(arguments[2], int) and arguments[2] & _WRITES
    for path in arguments[:2] if event in _CHANGES else arguments[:1] if writes else ():
        if isinstance(path, str | bytes | os.PathLike) and not _allowed(os.fsdecode(path)):
            raise Forbidden(f"{event} {path!r}"[:300])


def _is_theirs(code: object) -> bool:
    """Return whether code is of a file in the folder, and not of a text that the program itself makes."""
    return isinstance(code, types.CodeType) and not code.co_filename.startswith("<") and _allowed(code.co_filename)


def _allowed(path: str) -> bool:
    return path == os.devnull or Path(os.path.realpath(path)).is_relative_to(_inside or "/")


sys.addaudithook(_watch)


def _too_long(*_: object) -> None:
    raise Hang(f"more than {SECONDS:g} seconds")


@contextlib.contextmanager
def guarded(folder: Path) -> Iterator[None]:
    """Let a case change nothing but what lies in a folder, and take only so long."""
    global _inside
    before = signal.signal(signal.SIGVTALRM, _too_long)
    signal.setitimer(signal.ITIMER_VIRTUAL, SECONDS)
    _inside = Path(os.path.realpath(folder))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        _inside = None
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)


@contextlib.contextmanager
def little_memory() -> Iterator[None]:
    """Let nothing take more address space than so much beyond what is taken already."""
    taken = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (taken + MEMORY, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))
