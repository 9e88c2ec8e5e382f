"""A file larger than the memory is not read: a few sectors of a disk can stand for terabytes."""

from pathlib import Path

from landscape.errors import StorageError
from landscape.memory import available_memory

AS_VALUES = 30
"""Bytes that a byte of text can take as values: ``{}, {}, ...`` is dictionaries of 88 bytes each."""

_NEVER_MANY = 2**20


def refuse_larger_than_memory(path: Path, times: int = 1) -> None:
    """Return if what a file holds fits into the memory that is free.

    Args:
        path: The file.
        times: Bytes of memory for each of its bytes.

    Raises:
        StorageError: If it does not.
        OSError: If there is no such file.
    """
    size = path.stat().st_size
    if size <= _NEVER_MANY:
        # most of tens of thousands of files, for which the memory need not be asked
        return
    there = available_memory()
    if there is not None and size * times > there:
        takes = f", which can take {size * times:,} in memory" if times > 1 else ""
        raise StorageError(f"{path} has {size:,} bytes{takes}, more than the {there:,} of memory that are free.")
