"""Files of a data set: there and unharmed, or downloaded, or a message that says what is missing."""

import contextlib
import hashlib
import http.client
import socket
import sys
import tarfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from landscape.errors import StorageError

TIMEOUT_SECONDS = 10.0
"""Without an answer from the network for this long, a download has failed. torchvision would wait forever."""

DOWNLOAD_ERRORS = (OSError, RuntimeError, http.client.HTTPException, tarfile.TarError, EOFError, zlib.error)


def complete(name: str, folder: Path, files: Mapping[str, str], download: Callable[[], object] | None) -> None:
    """Return once every file lies in the folder with the right checksum, downloaded if need be.

    Args:
        name: The data set, for messages.
        folder: Where the files lie.
        files: MD5 checksums by path under the folder.
        download: Called when a file is missing; None where nothing may be written.

    Raises:
        StorageError: If a file is corrupt, or missing and cannot be downloaded.
    """
    missing = _missing(name, folder, files)
    if not missing:
        return
    if download is None:
        why = "Nothing is downloaded into a folder that a study file names."
        raise StorageError(_not_there(name, folder, missing, why))
    with _no_empty_folders_left({(folder / file).parent for file in missing}):
        try:
            with _download_conditions():
                download()
        except DOWNLOAD_ERRORS as error:
            why = f"Downloading failed: {_reason(error)}"
            raise StorageError(_not_there(name, folder, missing, why)) from error
        still = _missing(name, folder, files)
        if still:
            raise StorageError(_not_there(name, folder, still, "The download did not bring them."))


def _missing(name: str, folder: Path, files: Mapping[str, str]) -> list[str]:
    missing = [file for file in files if not (folder / file).is_file()]
    for file in files.keys() - set(missing):
        try:
            with (folder / file).open("rb") as stream:
                found = hashlib.file_digest(stream, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
        except OSError as error:
            raise StorageError(f"Cannot read {folder / file}: {error.strerror or error}.") from error
        if found != files[file]:
            raise StorageError(
                f"{folder / file} is corrupt: its MD5 checksum is {found}, and that of {name} is {files[file]}. "
                f"Delete the file and try again; it will be downloaded."
            )
    return missing


def _not_there(name: str, folder: Path, missing: list[str], why: str) -> str:
    return (
        f"{name} is not complete in {folder}: there is no {', no '.join(missing)}. {why} "
        f"Put the files there, or name the folder that has them by --data-dir or LANDSCAPE_DATA."
    )


def _reason(error: Exception) -> str:
    """Return the exception as one line that ends with a full stop."""
    line = " ".join(str(error).split()) or type(error).__name__
    return line if line.endswith(".") else f"{line}."


@contextlib.contextmanager
def _download_conditions() -> Iterator[None]:
    """Give up on a silent network, and keep what torchvision prints out of standard output."""
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(TIMEOUT_SECONDS)
    try:
        with contextlib.redirect_stdout(sys.stderr):
            yield
    finally:
        socket.setdefaulttimeout(before)


@contextlib.contextmanager
def _no_empty_folders_left(folders: set[Path]) -> Iterator[None]:
    """Remove the folders that a failed download made, as far as they are empty."""
    new = {each for folder in folders for each in (folder, *folder.parents) if not each.exists()}
    try:
        yield
    finally:
        for folder in sorted(new, key=lambda each: len(each.parts), reverse=True):
            # A folder with files in it stays.
            with contextlib.suppress(OSError):
                folder.rmdir()
