"""A Krylov space from a random vector within a basis, followed through restarts."""

import numpy as np

from landscape.solvers.krylov_basis import KrylovBasis
from landscape.solvers.unseen import Segment, ceiling, excluded_all, segment_of

MOST_TURNED = 0.1
"""Of 10,000 searches through few vectors two missed a value, after turns of 0.75 and 0.85; most turn by under 0.01."""


class RandomLine:
    """The rows of a basis from ``begin`` on, each of which came next to the one before; the first is random.

    They are a Krylov space of the operator within the complement of the rows before them.

    Args:
        basis: Whose next row is the line's first.

    Attributes:
        turned: The largest sine of an angle by which a restart turned the rows before them, and with those the
            complement: beyond `MOST_TURNED` what comes after is no longer the Krylov space of one operator.
    """

    def __init__(self, basis: KrylovBasis) -> None:
        self._basis = basis
        self.begin = self._first = basis.size
        self._before: list[Segment] = []
        self.turned = 0.0

    @property
    def length(self) -> int:
        """Rows that are in the basis."""
        return self._basis.size - self.begin

    @property
    def ended(self) -> bool:
        """Whether nothing leads on: the line is through every eigenspace of the complement."""
        return self._basis.leads_on(self._basis.size - 1) == 0

    def segments(self) -> list[Segment]:
        """Return the line so far."""
        basis = self._basis
        T = basis.T[self.begin :, self.begin :]
        return [*self._before, segment_of(T, basis.leads_on(basis.size - 1), self._first - self.begin)]

    def excludes(self, near: list[float], far: list[float]) -> bool:
        """Return whether nothing in the complement is beyond these values; see `excluded_all`."""
        return excluded_all(self.segments(), self._basis.n, near, far)

    def ceiling(self, *, largest: bool) -> float:
        """Return a value that nothing in the complement exceeds (or falls below), but for a probability of `RARE`."""
        return ceiling(self.segments(), self._basis.n, largest=largest, least=self._basis.rounding)

    def reach(self, values: np.ndarray, k: int, bottom: int) -> np.ndarray:
        """Return how far the outermost eigenvalue of an end may be from the only value of it, shape ``(count,)``.

        Of a line through the whole space, from its first row on.
        """
        ends = [self.ceiling(largest=True)] * k + [self.ceiling(largest=False)] * bottom
        reach: np.ndarray = np.abs(np.array(ends) - values)
        return reach

    def restart(self, small: np.ndarray, begin: int) -> None:
        """Shrink the basis to Ritz vectors, given by their coordinates as columns; the line's are from ``begin`` on."""
        self._before = self.segments()
        if self.begin:
            # fewer than the rows before the line cannot be near all of them
            if small.shape[1] >= self.begin and self._turn(small) > MOST_TURNED:
                small = self._unturned(small)
            self.turned = max(self.turned, self._turn(small))
        self._basis.restart(small)
        self.begin, self._first = begin, self._basis.size

    def _turn(self, small: np.ndarray) -> float:
        """Return the sine of the largest angle by which what would be kept departs from the rows before the line."""
        return float(np.linalg.norm(small[self.begin :, : self.begin], 2))

    def _unturned(self, small: np.ndarray) -> np.ndarray:
        """Return another basis of the same span: first what is nearest to the rows before the line, then Ritz vectors.

        Of a value that is there and in the complement, Ritz vectors are any mixture of the rows and the line.
        """
        count, T = self.begin, self._basis.T
        left, _, right = np.linalg.svd(small[:count].T)
        before, line = small @ (left[:, :count] @ right[:count]), small @ left[:, count:]
        within = line.T @ T @ line
        return np.concatenate([before, line @ np.linalg.eigh((within + within.T) / 2)[1]], axis=1)
