"""Gauss quadrature of the spectrum as one start vector sees it, by Lanczos with full reorthogonalisation."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from scipy.linalg import eigh_tridiagonal
from torch import Tensor

from landscape.operators.symmetric_operator import SymmetricOperator
from landscape.parts import Parts
from landscape.ranks import ALONE
from landscape.solvers.basis_rows import BasisRows
from landscape.solvers.basis_storage import BasisStorage
from landscape.solvers.probes import SymmetryCheck, products, row_dots
from landscape.solvers.unit_scale import UnitScale


@dataclass(frozen=True)
class Quadrature:
    r"""$\sum_j w_j f(\theta_j) \approx q^\top f(H)\, q$ for a unit vector q, exact for polynomials of degree 2m-1.

    Attributes:
        nodes: Ritz values, ascending, shape ``(m,)``.
        weights: Squared first components of their small eigenvectors, shape ``(m,)``; the sum is 1.
        residuals: How far each node may be from an eigenvalue, shape ``(m,)``.
        small: The small eigenvectors as columns, shape ``(m, m)``.
        combined: Coordinates in the Lanczos vectors, as columns, shape ``(m, k)``, to vectors, as columns, ``(n, k)``.
    """

    nodes: np.ndarray
    weights: np.ndarray
    residuals: np.ndarray
    small: np.ndarray
    combined: Callable[[np.ndarray], Tensor]

    @property
    def matvecs(self) -> int:
        """Products spent."""
        return len(self.nodes)

    def ritz_vectors(self, chosen: np.ndarray) -> Tensor:
        """Return the Ritz vectors of the chosen nodes as rows, shape ``(k, n)``."""
        return self.combined(self.small[:, chosen]).T


def quadrature(
    operator: SymmetricOperator, start: Tensor, steps: int, known: Tensor, storage: BasisStorage | None = None
) -> Quadrature:
    r"""Return the quadrature of ``start`` in the complement of the orthonormal rows of ``known``.

    Every new vector is orthogonalised twice against all before it and against ``known``: the operator is
    $(I - K^\top K)H(I - K^\top K)$.
    """
    scaled = UnitScale(operator)
    rows = BasisRows(Parts(ALONE, operator.shape[0]), start, storage or BasisStorage())
    rows.bound(0, steps, at_once=True)
    rows.pending += list(known)
    q, _ = rows.remainder(start)
    q = q / q.norm()
    alphas: list[float] = []
    betas: list[float] = []
    check = SymmetryCheck(scaled)
    while True:
        rows.pending.insert(0, q)
        rows.settle()
        w = products(scaled, q[None])[0]
        check.add(q[None], w[None])
        alphas.append(float(row_dots(q[None], w[None])))
        w, _ = rows.remainder(w)
        betas.append(float(torch.linalg.vector_norm(w, dtype=torch.float64)))
        rounding = 32 * float(torch.finfo(q.dtype).eps) * float(np.abs([*alphas, *betas[:-1]]).max())
        if len(alphas) == steps or betas[-1] <= rounding:
            return _solved(np.array(alphas), np.array(betas), rounding, rows, scaled)
        q = w / betas[-1]


def _solved(alphas: np.ndarray, betas: np.ndarray, rounding: float, rows: BasisRows, scaled: UnitScale) -> Quadrature:
    nodes, small = eigh_tridiagonal(alphas, betas[:-1])
    residuals = (np.abs(betas[-1] * small[-1]) + rounding) * scaled.unit + scaled.lost
    return Quadrature(nodes * scaled.unit, small[0] ** 2, residuals, small, rows.combined)
