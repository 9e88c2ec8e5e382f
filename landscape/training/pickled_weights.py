"""A .pt file of weights: it takes the memory and the time that its size lets one expect, and runs no code."""

import io
import os
import struct
import warnings
import zipfile
from pathlib import Path
from typing import IO, Any

import torch

from landscape.file_size import refuse_larger_than_memory
from landscape.training.pickle_scan import BeyondWeights, refuse_beyond_weights

LARGEST_PICKLE = 16 * 2**20
"""Bytes of what is no tensor: names, shapes and settings. A ResNet-152 with Adam's state has half a megabyte."""

_LEGACY_PICKLES = 5
"""In files of before torch 1.6: a magic number, the version, the system, the content, and the keys of storages."""
_ZIP = b"PK\x03\x04"
_END, _LOCATOR, _END64 = (struct.calcsize(each) for each in ("<4s4H2LH", "<4sLQL", "<4sQ2H2L4Q"))
_NAMES = 26
"""Bytes of the header of an entry before the lengths of its name and of what else it says, and these."""


def load_pickled(path: Path, device: torch.device | str = "cpu") -> Any:
    """Return what ``torch.save`` wrote, tensors and plain containers (``torch.load(weights_only=True)``).

    Raises:
        StorageError: If it is larger than the memory.
        UnpicklingError: If it holds anything else, or asks for more than it holds.
        ValueError: If it is none; a damaged one raises nearly anything.
    """
    refuse_larger_than_memory(path)
    with path.open("rb") as file:
        look = _look_at_archive if file.read(len(_ZIP)) == _ZIP else _look_at_pickles
        file.seek(0)
        look(file)
    with warnings.catch_warnings():
        # a pickle of another protocol than torch's own is either read or refused; the user is told then
        warnings.simplefilter("ignore", UserWarning)
        return torch.load(path, map_location=device, weights_only=True)


def _look_at_pickles(file: IO[bytes]) -> None:
    """Look at a file of before torch 1.6: pickles, and the storages after them as they are."""
    start = io.BytesIO(file.read(LARGEST_PICKLE))
    for _ in range(_LEGACY_PICKLES):
        refuse_beyond_weights(start)


def _look_at_archive(file: IO[bytes]) -> None:
    size = file.seek(0, os.SEEK_END)
    with zipfile.ZipFile(file) as archive:
        entries = archive.infolist()
        # PyTorch's reader goes to the place that the end of the file names, Python's may search for another
        if archive.start_dir != _directory(file, size):
            raise ValueError("its directory is not where it says")
        packed = [each for each in entries if each.compress_type or each.compress_size != each.file_size]
        if packed or sum(each.file_size for each in entries) > size:
            raise BeyondWeights("it is a compressed archive, which torch.save does not write")
        for each in entries:
            if each.filename.lower().endswith(".pkl"):
                if each.file_size > LARGEST_PICKLE:
                    raise BeyondWeights(f"it has {each.file_size:,} bytes of what is no tensor")
                refuse_beyond_weights(io.BytesIO(_content(file, each)))


def _content(file: IO[bytes], entry: zipfile.ZipInfo) -> bytes:
    """Return what is stored, whose checksum PyTorch may leave out."""
    file.seek(entry.header_offset + _NAMES)
    file.seek(sum(struct.unpack("<2H", file.read(4))), os.SEEK_CUR)
    return file.read(entry.file_size)


def _directory(file: IO[bytes], size: int) -> int:
    """Return where the directory of an archive without a comment begins, as its last bytes say."""
    place = max(0, size - _END - _LOCATOR - _END64)
    file.seek(place)
    last = file.read()
    end, locator, record = last[-_END:], last[-_END - _LOCATOR : -_END], last[: -_END - _LOCATOR]
    if not (end.startswith(b"PK\x05\x06") and end.endswith(b"\0\0")):
        raise ValueError("it has bytes after its end")
    if not locator.startswith(b"PK\x06\x07"):
        return int.from_bytes(end[16:20], "little")
    if not record.startswith(b"PK\x06\x06") or int.from_bytes(locator[8:16], "little") != place:
        raise ValueError("its directory is not where it says")
    return int.from_bytes(record[48:56], "little")
