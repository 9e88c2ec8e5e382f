"""One Lanczos run that goes on where it stopped, and can be read at any of its stages."""

import numpy as np
from scipy.linalg import eigh_tridiagonal

from landscape.operators.symmetric_operator import SymmetricOperator
from landscape.randomness import derive_seed
from landscape.solvers.basis_storage import BasisStorage
from landscape.solvers.eigen_request import EigenRequest
from landscape.solvers.eigenpairs import Eigenpairs, random_unit_vector, rounding_of_products
from landscape.solvers.krylov_basis import KrylovBasis
from landscape.solvers.lanczos import lanczos
from landscape.solvers.lanczos_quadrature import Quadrature
from landscape.solvers.ritz import Ritz
from landscape.solvers.unit_scale import UnitScale


class KrylovRun:
    """The Krylov space of one random vector, grown as far as was asked for, and never restarted.

    What is read at a stage is what a run that stopped there would have said: an eigenvalue does not depend on what
    else was asked for. Its start is that of `lanczos` with the same seed.

    Args:
        operator: Any symmetric operator.
        seed: Of the start.
        storage: Where the vectors are kept, in the operator's precision.

    Cost:
        A vector of length n in memory for every product.
    """

    def __init__(self, operator: SymmetricOperator, seed: int, storage: BasisStorage | None = None) -> None:
        self.operator, self.seed = operator, seed
        self._scaled = UnitScale(operator)
        self._basis = KrylovBasis(self._scaled, storage)
        start = random_unit_vector(operator.shape[0], derive_seed(seed, "lanczos", 0), self._basis.like)
        self._basis.add(start)

    @property
    def matvecs(self) -> int:
        """Products spent so far."""
        return self._basis.matvecs

    def stage(self, size: int) -> KrylovBasis:
        """Return the basis after ``size`` products; after fewer where the space ends before."""
        while self._basis.size < size and self._basis.pending:
            self._basis.expand()
        return self._basis.stage(min(size, self._basis.size))

    def eigenpairs(self, k: int, bottom: int, *, rtol: float, max_matvecs: int) -> Eigenpairs:
        """Return the k largest and the ``bottom`` smallest eigenvalues, read at the first stage that has them.

        As `lanczos` does with ``verify=False``: what the start may have missed is not looked for, and bounds are those
        of an eigenvalue, not of its rank, or heuristic. Where the space ends too early to hold as many values as asked
        for, `lanczos` itself.
        """
        request = EigenRequest(self.operator.shape[0], k, bottom, rtol, max_matvecs)
        size = 0
        while True:
            size += 1
            stage = self.stage(size)
            ritz = Ritz(stage, request)
            if ritz.within:
                reason = "every residual is within rtol" if stage.pending else "the Krylov space is invariant"
                return self._scaled.pairs(ritz.pairs(reason, converged=True))
            if not stage.pending:
                return lanczos(self.operator, k, bottom=bottom, rtol=rtol, max_matvecs=max_matvecs, seed=self.seed)
            if size == max_matvecs:
                return self._scaled.pairs(ritz.pairs(f"max_matvecs ({max_matvecs}) reached", converged=False))

    def quadrature(self, steps: int) -> Quadrature:
        """Return the Gauss quadrature of the spectrum as the start sees it, after so many products."""
        stage = self.stage(steps)
        T = (stage.T + stage.T.T) / 2
        nodes, small = eigh_tridiagonal(np.diag(T), np.diag(T, 1))
        rounding = rounding_of_products(self.operator.dtype, float(np.abs(T).max()))
        residuals = (stage.leaks(small) + rounding) * self._scaled.unit + self._scaled.lost
        return Quadrature(nodes * self._scaled.unit, small[0] ** 2, residuals, small, stage.combined)
