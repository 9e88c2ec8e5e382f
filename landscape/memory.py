"""How much memory there is, and how much is in use."""

import os
import resource
import sys
from pathlib import Path


def available_memory() -> int | None:
    """Return the bytes that a program can still take without swapping; None where the system does not tell.

    Of processes that torchrun started together on this machine each has its part of them.
    """
    found = _free_memory()
    return None if found is None else found // int(os.environ.get("LOCAL_WORLD_SIZE", "1"))


def _free_memory() -> int | None:
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
    except OSError:
        return _free_pages()
    fields = {name: rest.split() for name, _, rest in (line.partition(":") for line in lines)}
    return int(fields["MemAvailable"][0]) * 1024 if "MemAvailable" in fields else _free_pages()


def peak_memory() -> int:
    """Return the most bytes that this process has held at once."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def _free_pages() -> int | None:
    try:
        return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (ValueError, OSError):
        return None
