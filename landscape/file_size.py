"""A file larger than the memory is not read: a few sectors of a disk can stand for terabytes."""

from pathlib import Path

from landscape.errors import StorageError
from landscape.memory import available_memory


def refuse_larger_than_memory(path: Path) -> None:
    """Return if a file fits into the memory that is free.

    Raises:
        StorageError: If it does not.
        OSError: If there is no such file.
    """
    size, there = path.stat().st_size, available_memory()
    if there is not None and size > there:
        raise StorageError(f"{path} has {size:,} bytes, more than the {there:,} of memory that are free.")
