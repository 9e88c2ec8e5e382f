"""A file is written whole or not at all."""

import errno
import os
from pathlib import Path

from landscape.errors import StorageError

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
"""Errors of a disk that has no room."""


def write_atomically(path: Path, data: bytes) -> None:
    """Write ``data`` under a temporary name beside ``path``, flush it to the disk, then rename.

    Whatever kills the process, ``path`` holds either what it held before or all of ``data``.

    Raises:
        StorageError: If the folder cannot be written to or the disk is full; the old file stays as it was.
    """
    # one name, not a random one: what a killed process left behind is overwritten by the next write
    part = path.with_name(f".{path.name}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            # a link in its place, left by whoever made the folder, is not followed
            with open(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o666), "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)
    except OSError as error:
        advice = "Free some space or choose" if error.errno in FULL else "Choose"
        raise StorageError(
            f"Cannot write {path}: {error.strerror or error}. What was there before is untouched. "
            f"{advice} another folder."
        ) from error
