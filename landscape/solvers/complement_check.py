"""Whether something larger hides where the search has not been."""

import math

import numpy as np

from landscape.solvers.eigen_request import EigenRequest
from landscape.solvers.ritz import Ritz

_SMALL = 2000
_CLOSE = 0.01


class ComplementCheck:
    """A search from a random vector orthogonal to the basis, which questions the values found.

    A Krylov space holds one vector of each eigenspace, and nothing of an eigenvector orthogonal to its start. A
    random vector of the complement has a part in all that is missing; an eigenvalue that is missed shows itself
    there after about as many products as it took to find the others.

    Args:
        request: What is wanted.
        warm: Whether the search began from given vectors, which may be orthogonal to a wanted one.
        verify: Whether to check; where a multiplicity is suspected when None.
    """

    def __init__(self, request: EigenRequest, *, warm: bool, verify: bool | None) -> None:
        self._request, self._warm, self._verify = request, warm, verify
        self._questioned: np.ndarray | None = None
        self._left = self._most = 0
        self._invariant_seen = False
        self.passed = False

    @property
    def left_out(self) -> bool:
        """Whether a repeated value may have been counted once: several are wanted, and nothing looked for more."""
        return self._request.count > 1 and not self.passed

    @property
    def running(self) -> bool:
        """Whether the products now go along a random line of the complement."""
        return self._questioned is not None

    @property
    def begins(self) -> bool:
        """Whether the next product is the first along that line."""
        return self._left == self._most

    def needs(self, ritz: Ritz) -> bool:
        """Return whether values within their tolerance are still open to doubt."""
        if self.passed or self._verify is False:
            return False
        several = self._request.count > 1
        if self._verify or (several and self._request.n <= _SMALL):
            return True
        return (self._invariant_seen and (several or self._warm)) or _close(ritz.values[ritz.wanted])

    def begin(self, ritz: Ritz, matvecs: int) -> None:
        """Question the values found after ``matvecs`` products."""
        self._questioned = ritz.values[ritz.wanted]
        self._left = self._most = max(math.ceil(math.log(self._request.n)) + 2, matvecs // 2)

    def observe(self, ritz: Ritz, *, invariant: bool) -> None:
        """Take notice of a product: has it shown something new, or has the line told all that it can?"""
        self._invariant_seen |= invariant
        if self._questioned is None:
            return
        if not ritz.within or ritz.moved(self._questioned):
            self._questioned = None
            return
        self._left -= 1
        # a random line that ends has been through every eigenspace of the complement, unless it ends in directions
        # that are still to be multiplied
        self.passed = self._left <= 0 or invariant


def _close(values: np.ndarray) -> bool:
    """Return whether two neighbours are so close that they may be more than two."""
    gaps = np.abs(np.diff(values))
    return bool((gaps <= _CLOSE * np.abs(values[:-1])).any())
