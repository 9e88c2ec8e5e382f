"""Vectors as rows, kept in blocks of columns that may lie elsewhere and be rounded."""

import math

import torch
from torch import Tensor

from landscape.solvers.basis_storage import BasisStorage


class StoredRows:
    """Rows that grow by doubling, a block of columns at a time, up to a number that may be bounded.

    Args:
        n: Length of a row.
        like: A tensor of the precision and on the device where the rows are computed with.
        storage: Where and how they are kept.
        width: Columns in a block.
    """

    def __init__(self, n: int, like: Tensor, storage: BasisStorage, width: int) -> None:
        self.n, self.like = n, like
        self._device, self._dtype = storage.place(like), storage.dtype or like.dtype
        self._pinned = self._device.type == "cpu" and like.device.type == "cuda"
        self._as_they_are = self._device == like.device and self._dtype == like.dtype
        # elements of a long unit vector are below float16's normal numbers; a power of two costs no digit, 2**15 fits
        self._scale = 2.0 ** min(15, round(math.log2(max(n, 1)) / 2)) if self._dtype == torch.float16 else 1.0
        self.columns = [slice(start, min(start + width, n)) for start in range(0, max(n, 1), width)]
        self._blocks = [self._room_for(0, cols) for cols in self.columns]
        self._count = self._room = 0
        self._most: int | None = None

    def __len__(self) -> int:
        return self._count

    @property
    def num_bytes(self) -> int:
        """What the rows take, with the room for more."""
        return sum(each.numel() * each.element_size() for each in self._blocks)

    def bound(self, most: int, *, at_once: bool) -> None:
        """Double no further than to ``most`` rows; take the room for them now if ``at_once``."""
        self._most = most
        if at_once:
            self.make_room(most)

    def make_room(self, rows: int) -> None:
        """Have room for so many rows."""
        if rows > self._room:
            self._resize(rows)

    def append(self, row: Tensor) -> None:
        """Keep a row of shape ``(n,)``, rounded to the precision of storage."""
        if self._count == self._room:
            room = max(8, 2 * self._room)
            self._resize(room if self._most is None else max(min(room, self._most), self._count + 1))
        for index, cols in enumerate(self.columns):
            self.write(index, row[None, cols], self._count)
        self._count += 1

    def write(self, index: int, values: Tensor, first: int = 0, start: int = 0) -> None:
        """Put values, shape ``(b, w)``, into b rows from ``first``, and w columns of a block from ``start``."""
        there = self._blocks[index][first : first + len(values), start : start + values.shape[1]]
        there.copy_(values if self._scale == 1.0 else values * self._scale)

    def block(self, index: int) -> Tensor:
        """Return the columns of one block of all rows, where they are computed with; a view if they are kept so."""
        return self._back(self._blocks[index][: self._count])

    def row(self, index: int) -> Tensor:
        """Return one row as it is kept, shape ``(n,)``."""
        parts = [self._back(block[index]) for block in self._blocks]
        return torch.cat(parts) if len(parts) > 1 else parts[0]

    def keep_first(self, count: int) -> None:
        """Let the first ``count`` rows that there is room for be all of them."""
        self._count = count

    def _back(self, kept: Tensor) -> Tensor:
        if self._as_they_are:
            return kept
        there = kept.to(self.like.device, non_blocking=self._pinned).to(self.like.dtype)
        return there if self._scale == 1.0 else there.div_(self._scale)

    def _room_for(self, room: int, cols: slice) -> Tensor:
        width = cols.stop - cols.start
        return torch.empty(room, width, dtype=self._dtype, device=self._device, pin_memory=self._pinned)

    def _resize(self, room: int) -> None:
        # a block at a time, so that there is no second basis in memory where there are many
        for index, cols in enumerate(self.columns):
            grown = self._room_for(room, cols)
            grown[: self._count] = self._blocks[index][: self._count]
            self._blocks[index] = grown
        self._room = room
