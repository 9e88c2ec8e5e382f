"""Rows that grow without being copied each time, orthogonalisation against them, and their inner products."""

import torch
from torch import Tensor

_CHUNK = 2**16


class GrowingRows:
    """Vectors as rows of one tensor that doubles when it is full.

    Args:
        size: Length of a row.
        like: A tensor of the dtype and device wanted.
        most: Rows that there will be at most.
    """

    def __init__(self, size: int, like: Tensor, most: int) -> None:
        self._rows = like.new_empty(min(4, most), size)
        self._count, self._most = 0, most

    def __len__(self) -> int:
        return self._count

    @property
    def rows(self) -> Tensor:
        """The rows so far, shape ``(len, size)``; a view."""
        return self._rows[: self._count]

    def append(self, rows: Tensor) -> None:
        """Add rows, shape ``(b, size)`` or one of shape ``(size,)``."""
        rows = rows.reshape(-1, self._rows.shape[1])
        needed = self._count + len(rows)
        if needed > len(self._rows):
            room = max(needed, min(2 * len(self._rows), self._most))
            grown = self._rows.new_empty(room, self._rows.shape[1])
            grown[: self._count] = self.rows
            self._rows = grown
        self._rows[self._count : needed] = rows
        self._count = needed


def orthogonalise(w: Tensor, basis: Tensor) -> tuple[Tensor, Tensor]:
    """Return w less its components in the orthonormal rows of ``basis``, and these components, float64.

    Twice is enough (Parlett 1998, "The symmetric eigenvalue problem", section 6.9).
    """
    components = torch.zeros(len(basis), dtype=torch.float64)
    for _ in range(2):
        c = basis @ w
        w = w - basis.T @ c
        components += c.double().cpu()
    return w, components


def gram(a: Tensor, b: Tensor) -> Tensor:
    """Return a b' for rows of shape ``(k, n)`` and ``(l, n)``, accumulated in float64, on the CPU, shape ``(k, l)``."""
    total = torch.zeros(len(a), len(b), dtype=torch.float64, device=a.device)
    for start in range(0, a.shape[1], _CHUNK):
        part = slice(start, start + _CHUNK)
        total += a[:, part].double() @ b[:, part].double().T
    return total.cpu()


def extended(old: Tensor, a: Tensor, b: Tensor) -> Tensor:
    """Return ``gram(a, b)`` given that of the first rows of each, so that only what is new is computed."""
    before, known = old.shape
    if before == 0 or known == 0:
        return gram(a, b)
    top = torch.cat([old, gram(a[:before], b[known:])], dim=1)
    return torch.cat([top, gram(a[before:], b)], dim=0)
