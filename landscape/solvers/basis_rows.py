"""The vectors of a basis: those whose products are known in storage, those to be multiplied at hand."""

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from landscape.parts import Parts
from landscape.solvers.basis_storage import BasisStorage
from landscape.solvers.stored_rows import StoredRows

_CHUNK = 2**13
_FEWEST, _MOST = 2**6, 2**11
_PASSES = 5


class BasisRows:
    """Orthonormal rows: *settled* ones in storage, then *pending* ones in full precision on the operator's device.

    Where storage rounds, the first settled rows may be exact all the same, as many as `bound` says.

    Args:
        parts: What this process keeps of a row: its part, or all of it.
        like: A tensor of the operator's precision, on its device.
        storage: Where and how settled rows are kept.

    Attributes:
        rounds: Whether storage loses digits.
        eps: The rounding of storage.
        pending: Rows of shape ``(n,)``, or this process's part of each.
    """

    def __init__(self, parts: Parts, like: Tensor, storage: BasisStorage) -> None:
        self.n, self.like, self.storage = parts.length, like, storage
        self._parts = parts
        self.rounds = storage.rounds(like.dtype)
        self.eps = torch.finfo(storage.dtype or like.dtype).eps
        self.pending: list[Tensor] = []
        self._most_exact = 0
        # the same blocks for both tiers
        as_kept = storage.place(like) == like.device and (storage.dtype or like.dtype) == like.dtype
        width = storage.width(self.n, here=like.device if as_kept else None)
        self._exact = StoredRows(self.n, like, storage.exact() if self.rounds else storage, width)
        self._grown = StoredRows(self.n, like, storage, width) if self.rounds else self._exact
        self._tiers = [self._exact, self._grown] if self.rounds else [self._exact]

    def bound(self, exact: int, grown: int, *, at_once: bool) -> None:
        """Double the room for rows no further than to so many exact ones and so many others; see `StoredRows.bound`."""
        self._most_exact = exact
        if self.rounds:
            self._exact.bound(exact, at_once=at_once)
            self._grown.bound(grown, at_once=at_once)
        else:
            self._exact.bound(exact + grown, at_once=at_once)

    def settle(self) -> tuple[Tensor, float]:
        """Move the first pending row into storage; return it as it is kept, and how far that is from what it was."""
        # exact while there is room for exact ones
        row = self.pending.pop(0)
        if not self.rounds or (len(self._exact) < self._most_exact and not len(self._grown)):
            self._exact.append(row)
            return row, 0.0
        self._grown.append(row)
        kept = self._grown.row(len(self._grown) - 1)
        return kept, self._parts.length_of(kept - row)

    def take_back(self, rows: list[Tensor]) -> None:
        """Make the last settled rows, given as they are kept, pending again."""
        for row in reversed(rows):
            tier = self._grown if len(self._grown) else self._exact
            tier.keep_first(len(tier) - 1)
            self.pending.insert(0, row)

    def clear(self) -> None:
        """Forget all rows."""
        self.pending.clear()
        for tier in self._tiers:
            tier.keep_first(0)

    def remainder(self, v: Tensor) -> tuple[Tensor, Tensor]:
        """Return v less its components in all rows, and those, float64.

        Twice is enough (Parlett 1998, section 6.9), and a GPU is not waited for, unless the rows are orthonormal to
        their rounding in storage only: then as often as components are left.
        """
        v = v.clone()
        found = total = self._products(v)
        for _ in range(_PASSES):
            found = self._take_out(v, found)
            total = total + found
            if not self.rounds or float(found.norm()) <= torch.finfo(v.dtype).eps * self._parts.length_of(v):
                break
        self._take_out(v, found, last=True)
        return v, total

    def inner_products(self, v: Tensor) -> Tensor:
        """Return the products of the settled rows with v, float64."""
        found = self._zeros()
        for cols, parts in self._all():
            for at, Q in parts:
                found[at] += _accurate_products(Q, v[cols])
        return self._parts.add(found[: len(found) - len(self.pending)])

    def reflect(self, u: np.ndarray) -> None:
        """Apply Householder's reflection I - 2uu' to the pending rows."""
        along = torch.zeros_like(self.pending[0])
        for weight, row in zip(u, self.pending, strict=True):
            along.add_(row, alpha=float(weight))
        for weight, row in zip(u, self.pending, strict=True):
            row.add_(along, alpha=-2 * float(weight))

    def rotate(self, small: np.ndarray) -> None:
        """Replace the settled rows by their combinations with the columns of ``small``, which are exact."""
        keep = small.shape[1]
        rotation = torch.from_numpy(small.T.copy()).to(self.like.device)
        if self.rounds:
            self._exact.make_room(keep)
        # a slice of columns at a time: no second basis in memory
        width = min(_MOST, max(_FEWEST, self.n // (2 * (keep + len(small)))))
        for index in range(len(self._exact.columns)):
            parts = self._settled(index, len(small))
            start = 0
            for pieces in zip(*(torch.split(Q, width, dim=1) for _, Q in parts), strict=True):
                found = rotation.new_zeros(keep, pieces[0].shape[1])
                for (at, _), Q in zip(parts, pieces, strict=True):
                    found.addmm_(rotation[:, at], Q.double())
                self._exact.write(index, found.to(self.like.dtype), start=start)
                start += found.shape[1]
        for tier in self._tiers:
            tier.keep_first(0)
        self._exact.keep_first(keep)

    def combined(self, small: np.ndarray) -> Tensor:
        """Return the combinations of the first rows with the columns of ``small``, as columns, shape ``(n, k)``."""
        weights = torch.from_numpy(small.copy()).to(self.like)
        vectors = self.like.new_empty(self.n, small.shape[1])
        for index, cols in enumerate(self._exact.columns):
            (at, Q), *others = self._settled(index, len(small))
            torch.mm(Q.T, weights[at], out=vectors[cols])
            for at, Q in others:
                vectors[cols].addmm_(Q.T, weights[at])
        return vectors

    def _settled(self, index: int, count: int | None = None) -> list[tuple[slice, Tensor]]:
        """Return (which rows, their columns of a block) for each tier, of the first ``count`` rows."""
        parts, first = [], 0
        for tier in self._tiers:
            used = len(tier) if count is None else min(len(tier), count - first)
            if used > 0:
                parts.append((slice(first, first + used), tier.block(index)[:used]))
            first += len(tier)
        return parts

    def _all(self) -> Iterator[tuple[slice, list[tuple[slice, Tensor]]]]:
        """Go through (columns, [(which rows, their columns)]), the pending rows last."""
        settled = sum(len(tier) for tier in self._tiers)
        for index, cols in enumerate(self._exact.columns):
            pending = [(slice(settled + i, settled + i + 1), row[None, cols]) for i, row in enumerate(self.pending)]
            yield cols, self._settled(index) + pending

    def _zeros(self) -> Tensor:
        count = sum(len(tier) for tier in self._tiers) + len(self.pending)
        return torch.zeros(count, dtype=torch.float64, device=self.like.device)

    def _products(self, v: Tensor) -> Tensor:
        found = self._zeros()
        for cols, parts in self._all():
            for at, Q in parts:
                found[at] += Q @ v[cols]
        return self._parts.add(found)

    def _take_out(self, v: Tensor, components: Tensor, *, last: bool = False) -> Tensor:
        """Subtract components from v in place; return those that it has then, unless it is the last time."""
        found, components = self._zeros(), components.to(v.dtype)
        for cols, parts in self._all():
            for at, Q in parts:
                v[cols].addmv_(Q.T, components[at], alpha=-1)
            for at, Q in () if last else parts:
                found[at] += _accurate_products(Q, v[cols])
        return found if last else self._parts.add(found)


def _accurate_products(rows: Tensor, v: Tensor) -> Tensor:
    """Return rows @ v in float64: a CPU's float32 sums over 300,000 elements are wrong by 1e-5."""
    if v.dtype == torch.float64 or v.device.type != "cpu":
        return (rows @ v).double()
    pieces = zip(torch.split(rows, _CHUNK, dim=1), torch.split(v, _CHUNK), strict=True)
    return torch.stack([piece @ part for piece, part in pieces]).sum(dim=0, dtype=torch.float64)
