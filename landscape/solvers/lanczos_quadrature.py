"""Gauss quadrature of the spectrum as one start vector sees it, by Lanczos with full reorthogonalisation."""

from dataclasses import dataclass

import numpy as np
import torch
from scipy.linalg import eigh_tridiagonal
from torch import Tensor

from landscape.operators.symmetric_operator import SymmetricOperator
from landscape.solvers.basis import GrowingRows, orthogonalise
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
        basis: The Lanczos vectors as rows, shape ``(m, n)``.
    """

    nodes: np.ndarray
    weights: np.ndarray
    residuals: np.ndarray
    small: np.ndarray
    basis: Tensor

    @property
    def matvecs(self) -> int:
        """Products spent."""
        return len(self.nodes)

    def ritz_vectors(self, chosen: np.ndarray) -> Tensor:
        """Return the Ritz vectors of the chosen nodes as rows, shape ``(k, n)``."""
        small = torch.from_numpy(np.ascontiguousarray(self.small[:, chosen].T)).to(self.basis)
        return small @ self.basis


def quadrature(operator: SymmetricOperator, start: Tensor, steps: int, known: Tensor) -> Quadrature:
    r"""Return the quadrature of ``start`` in the complement of the orthonormal rows of ``known``.

    Every new vector is orthogonalised twice against all before it and against ``known``: the operator is
    $(I - K^\top K)H(I - K^\top K)$.
    """
    scaled = UnitScale(operator)
    q, _ = orthogonalise(start, known)
    q = q / q.norm()
    basis = GrowingRows(operator.shape[0], start)
    fixed = len(known)
    basis.append(known)
    alphas: list[float] = []
    betas: list[float] = []
    check = SymmetryCheck(scaled)
    while True:
        basis.append(q)
        w = products(scaled, q[None])[0]
        check.add(q[None], w[None])
        alphas.append(float(row_dots(q[None], w[None])))
        w, _ = orthogonalise(w, basis.rows)
        betas.append(float(w.double().norm()))
        rounding = 32 * float(torch.finfo(q.dtype).eps) * float(np.abs([*alphas, *betas[:-1]]).max())
        if len(alphas) == steps or betas[-1] <= rounding:
            return _solved(np.array(alphas), np.array(betas), rounding, basis.rows[fixed:], scaled)
        q = w / betas[-1]


def _solved(alphas: np.ndarray, betas: np.ndarray, rounding: float, basis: Tensor, scaled: UnitScale) -> Quadrature:
    nodes, small = eigh_tridiagonal(alphas, betas[:-1])
    residuals = np.abs(betas[-1] * small[-1]) + rounding
    return Quadrature(nodes * scaled.unit, small[0] ** 2, residuals * scaled.unit + scaled.lost, small, basis)
