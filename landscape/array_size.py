"""Arrays of an archive take the memory that they have content for."""

import math
import zipfile

import numpy as np

from landscape.memory import available_memory

_HEADERS = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}


def refuse_other_sizes(archive: zipfile.ZipFile) -> None:
    """Return if the arrays of an ``.npz`` have the sizes that they say, and fit into the memory together.

    Raises:
        ValueError: If they do not: a few bytes in an archive may stand for very many.
    """
    entries = archive.infolist()
    size, there = sum(each.file_size for each in entries), available_memory()
    if there is not None and size > there:
        raise ValueError(f"it asks for {size:,} bytes of memory, and {there:,} are free")
    for each in entries:
        with archive.open(each) as array:
            shape, _, kind = _HEADERS[np.lib.format.read_magic(array)](array)
            # empty elements take no content, whatever their number
            if not kind.itemsize or math.prod(shape) * kind.itemsize != each.file_size - array.tell():
                raise ValueError(f"it has an array of another size than its shape {shape} of {kind} says")
