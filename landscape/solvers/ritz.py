"""What a basis tells of the operator's spectrum: Ritz values, residuals, bounds."""

import numpy as np

from landscape.solvers.eigen_request import EigenRequest
from landscape.solvers.eigenpairs import Eigenpairs, kato_temple, one_for_each, rounding_of_products, sines
from landscape.solvers.krylov_basis import KrylovBasis

_SHARPER = 0.95
"""A heuristic bound is taken where it is so much sharper than the residual: to two digits it would say no more."""

_DOUBT = 2.0
"""How many residuals a neighbour is believed to be away in a restarted basis.

Of 1,482 values of random matrices, from 9 vectors for 5 + 1 values, 18 were farther away than a Kato-Temple bound with
one residual, and one with two; from an unbounded basis 9 of 1,500.
"""

_NEARLY = 10.0

_OF_RESTARTS, _RESTARTS_OF_ONE = 7.0, 32.0
"""Restarts round too, in units of what a product loses. Of 10,000 searches through few vectors of at most 400 products
values were off by up to six; after 1,739 restarts of seven vectors by 16. It was one in 63 restarts at most."""


class Ritz:
    """The eigenpairs of T, in descending order, seen as eigenpairs of the operator.

    Attributes:
        values: Ritz values, shape ``(size,)``.
        small: Their vectors' coordinates in the basis, as columns.
        wanted: Where the wanted ones are; fewer than asked for while the basis is small.
        residuals: Shape ``(size,)``.
        excess: How far each wanted residual is beyond its tolerance, as a ratio; at most 1 is within. What the storage
            of the basis rounds is left out of it.
    """

    def __init__(self, basis: KrylovBasis, request: EigenRequest) -> None:
        self._basis, self._request = basis, request
        values, small = np.linalg.eigh((basis.T + basis.T.T) / 2)
        self.values, self.small = values[::-1], small[:, ::-1]
        self.wanted = request.indices(basis.size)
        self.rounding = rounding_of_products(basis.operator.dtype, float(np.abs(values).max()))
        if basis.restarts:
            # the largest value may have been given up, but not what products round beside it
            self.rounding = max(self.rounding, basis.rounding)
        leaks = basis.leaks(self.small)
        self.residuals = leaks + self.rounding
        wanted = np.abs(self.values[self.wanted])
        tolerance = np.maximum(request.rtol * wanted - self.rounding, self.rounding)
        leads_on = np.linalg.norm(basis.B @ self.small, axis=0)
        # how far a value may be from the Rayleigh quotient of its vector
        self._of_storage = basis.rows.eps * leads_on + leaks - leads_on if basis.rows.rounds else 0.0 * leaks
        leads_on = leads_on[self.wanted]
        # what cannot be made smaller is within: 0 of 0 (the zero operator) included
        self.excess = np.divide(leads_on, tolerance, out=np.zeros_like(leads_on), where=leads_on > 0)
        self._in_storage = basis.rows.rounds and bool((leaks[self.wanted] > tolerance).any())

    @property
    def within(self) -> bool:
        """Whether there are as many as asked for, each residual within its tolerance."""
        return len(self.wanted) == self._request.count and bool((self.excess <= 1).all())

    @property
    def to_correct(self) -> bool:
        """Whether only the rounding of the basis in storage keeps a wanted residual beyond its tolerance."""
        return self.within and self._in_storage

    @property
    def at_rounding(self) -> bool:
        """Whether a wanted residual is beyond rtol for the rounding of products alone, which nothing makes smaller."""
        tolerance = self._request.rtol * np.abs(self.values[self.wanted])
        return bool((self.residuals[self.wanted] > tolerance).any())

    def moved(self, before: np.ndarray) -> bool:
        """Whether a wanted value has left the one ``before`` by more than the tolerance."""
        now = self.values[self.wanted]
        allowed = np.maximum(self._request.rtol * np.abs(now), 2 * self.rounding)
        return bool((np.abs(now - before) > allowed).any())

    def beyond(self, times: float = 1.0) -> list[float]:
        """Return the innermost wanted value of each end and ``times`` its tolerance, beyond which nothing should be."""
        k, bottom = self._request.k, self._request.bottom
        ends = [(float(self.values[k - 1]), 1)] * bool(k) + [(float(self.values[-bottom]), -1)] * bool(bottom)
        return [x + side * times * max(self._request.rtol * abs(x), 2 * self.rounding) for x, side in ends]

    def worst(self) -> np.ndarray:
        """Return where among the pending rows the worst wanted residual points, shape ``(pending,)``."""
        index = self.wanted[int(self.excess.argmax())]
        direction: np.ndarray = self._basis.B @ self.small[:, index]
        return direction

    def kept(self, room: int) -> np.ndarray:
        """Return the coordinates of the wanted vectors, then of their neighbours; ``room`` in all, or those wanted."""
        k, bottom, size = self._request.k, self._request.bottom, self._basis.size
        extra = max(0, min(room, size) - len(self.wanted))
        below = extra * bottom // (k + bottom)
        neighbours = np.r_[k : k + extra - below, size - bottom - below : size - bottom]
        return self.small[:, np.concatenate([self.wanted, neighbours])]

    def firm(self) -> np.ndarray:
        """Return the coordinates of the wanted vectors, then of those next to them that have nearly settled too."""
        k, bottom, size = self._request.k, self._request.bottom, self._basis.size
        settled = self.residuals <= _NEARLY * self.residuals[self.wanted].max() + self.rounding
        above = int(np.logical_and.accumulate(settled[k : size - bottom]).sum()) if k else 0
        under = int(np.logical_and.accumulate(settled[k : size - bottom][::-1]).sum()) if bottom else 0
        more = np.unique(np.r_[k : k + above, size - bottom - under : size - bottom])
        return self.small[:, np.concatenate([self.wanted, more])]

    @property
    def unwanted(self) -> tuple[np.ndarray, np.ndarray]:
        """The values and residuals that are not wanted."""
        return np.delete(self.values, self.wanted), np.delete(self.residuals, self.wanted)

    def pairs(self, reason: str, *, converged: bool, reach: np.ndarray | None = None) -> Eigenpairs:
        """Return the wanted ones with their bounds.

        Args:
            reason: Why the search stopped.
            converged: Whether it found what was asked for.
            reach: How far each eigenvalue may be, as what is orthogonal to the basis tells; None where nothing does.
        """
        vectors = self._basis.vectors(self.small[:, self.wanted])
        times = self._basis.restarts
        restarts = (_OF_RESTARTS + times / _RESTARTS_OF_ONE) * self.rounding if times else 0.0
        heuristic = self._kato_temple() + self._of_storage + self.rounding + restarts
        rigorous = one_for_each(self.values[self.wanted], self.residuals[self.wanted]) + restarts
        sharper = heuristic[self.wanted] < _SHARPER * rigorous
        bounds = np.where(sharper, heuristic[self.wanted], rigorous)
        kinds = ["heuristic" if each else "rigorous" for each in sharper]
        if reach is not None:
            known = reach + self._of_storage[self.wanted] + self._basis.lost_in(self.small[:, self.wanted])
            bounds = np.maximum(known + self.rounding + restarts, bounds if self._basis.rows.rounds else 0.0)
            kinds = ["probable"] * len(bounds)
        matvecs = self._basis.matvecs
        return Eigenpairs(
            values=self.values[self.wanted],
            vectors=vectors,
            residuals=self.residuals[self.wanted],
            bounds=bounds,
            bound_kind=tuple(kinds),
            sines=sines(self.residuals, heuristic)[self.wanted],
            matvecs=matvecs,
            converged=converged,
            reason=reason,
            cost=float(matvecs),
        )

    def _kato_temple(self) -> np.ndarray:
        values, residuals = self._basis.given_up
        values, residuals = np.r_[self.values, values], np.r_[self.residuals, residuals]
        doubt = _DOUBT if self._basis.restarts else 1.0
        return kato_temple(values, residuals, doubt * residuals)[: self._basis.size]
