"""Whether something larger hides where the search has not been."""

import numpy as np

from landscape.solvers.eigen_request import EigenRequest
from landscape.solvers.krylov_basis import KrylovBasis
from landscape.solvers.random_line import MOST_TURNED, RandomLine
from landscape.solvers.ritz import Ritz
from landscape.solvers.unseen import QUESTIONED, WIDER, at_most, length_of_line

_CLOSE = 0.01


class ComplementCheck:
    """A search from a random vector orthogonal to the basis, which questions the values found.

    A Krylov space holds one vector of each eigenspace, and nothing of an eigenvector orthogonal to its start. A
    random vector of the complement has a part in all that is missing. It is passed when nothing there is beyond the
    innermost wanted value by more than the tolerance (see `excluded_all`); the wanted values are then bounded by what
    is known of the basis and of its complement together.

    Args:
        request: What is wanted.
        warm: Whether the search began from given vectors, which may be orthogonal to a wanted one.
        verify: Whether to check; where a multiplicity is suspected when None.

    Attributes:
        passed: Whether nothing more is there.
        unsure: Whether the products that it may take have not shown that.
        reach: How far each wanted eigenvalue may be from its value, shape ``(count,)``; None before either.
    """

    def __init__(self, request: EigenRequest, *, warm: bool, verify: bool | None) -> None:
        self._request, self._warm, self.verify = request, warm, verify
        self._questioned = np.zeros(0)
        self._left = 0
        self._invariant_seen = False
        self.line: RandomLine | None = None
        self.passed = self.unsure = False
        self.reach: np.ndarray | None = None

    @property
    def several(self) -> bool:
        """Whether several values of one end are wanted: copies of one another, perhaps."""
        return max(self._request.k, self._request.bottom) > 1

    @property
    def left_out(self) -> bool:
        """Whether a repeated value may have been counted once: several are wanted, and nothing looked for more."""
        return self.several and not self.passed

    def needs(self, ritz: Ritz, *, told: bool) -> bool:
        """Return whether values within their tolerance are still open to doubt.

        Args:
            ritz: That they are.
            told: Whether the start itself tells what single ones have missed.
        """
        if self.passed or self.unsure or self.verify is False:
            return False
        if self.verify or ((self.several or not (told or self._warm)) and self._request.n <= QUESTIONED):
            return True
        suspected = self.several and _close(ritz.values[ritz.wanted])
        return (self._invariant_seen and (self.several or self._warm)) or suspected

    def begin(self, basis: KrylovBasis, ritz: Ritz) -> None:
        """Question the values found; the next row of the basis is the first of the line."""
        self._questioned = ritz.values[ritz.wanted]
        self.line = RandomLine(basis)
        self._left = self.most(basis.matvecs)

    def most(self, matvecs: int) -> int:
        """Return how many products the line may take, where the values took ``matvecs``."""
        return length_of_line(self._request.n, matvecs)

    def observe(self, basis: KrylovBasis, ritz: Ritz) -> None:
        """Take notice of a product: has it shown something new, or has the line told all that it can?"""
        self._invariant_seen |= not basis.pending
        if self.line is None:
            return
        if not ritz.within or ritz.moved(self._questioned) or self.line.turned > MOST_TURNED:
            # another one begins from a fresh vector
            self.line = None
            return
        self._left -= 1
        self.passed = self.line.ended or self.line.excludes(ritz.beyond(), ritz.beyond(WIDER))
        if self._left <= 0 and not self.passed:
            # what the bounds say is less then
            self.passed = self.line.excludes(ritz.beyond(WIDER), [])
            self.unsure = not self.passed
        if self.passed or self.unsure:
            self.reach = self._reach(basis, ritz, self.line)
            self.line = None

    def _reach(self, basis: KrylovBasis, ritz: Ritz, line: RandomLine) -> np.ndarray:
        """Return how far the eigenvalue of its rank may be from each wanted value."""
        k, bottom, begin = self._request.k, self._request.bottom, line.begin
        T = basis.T[:begin, :begin]
        # not the line's own vectors: the last of them leads far out of the basis
        leaks = np.concatenate([basis.T[begin:, :begin], basis.B[:, :begin]])
        T, leaks = (T + T.T) / 2, leaks.T @ leaks
        above = at_most(T, leaks, line.ceiling(largest=True), k) if k else np.zeros(0)
        below = -at_most(-T, leaks, -line.ceiling(largest=False), bottom)[::-1] if bottom else np.zeros(0)
        reach: np.ndarray = np.abs(np.concatenate([above, below]) - ritz.values[ritz.wanted])
        return reach


def _close(values: np.ndarray) -> bool:
    """Return whether two neighbours are so close that they may be more than two."""
    gaps = np.abs(np.diff(values))
    return bool((gaps <= _CLOSE * np.abs(values[:-1])).any())
