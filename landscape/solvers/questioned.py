"""Eigenpairs of a solver that does not look for what it has missed, questioned from outside."""

import math
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from landscape.operators.symmetric_operator import SymmetricOperator
from landscape.randomness import derive_seed
from landscape.solvers.eigen_request import EigenRequest
from landscape.solvers.eigenpairs import Eigenpairs, random_unit_vector, rounding_of_products
from landscape.solvers.unseen import (
    QUESTIONED,
    WIDER,
    Segment,
    at_most,
    ceiling,
    excluded_all,
    length_of_line,
    segment_of,
)

_INDEPENDENT = 0.5


def questioned(
    operator: SymmetricOperator, pairs: Eigenpairs, products: Tensor, request: EigenRequest, seed: int
) -> Eigenpairs:
    """Return eigenpairs with bounds that hold for the eigenvalue of each one's rank, or not converged.

    Up to `QUESTIONED` elements a Lanczos line from a random vector orthogonal to the vectors found tells whether
    anything is beyond the outermost wanted value by more than its tolerance; see `excluded_all`.

    Args:
        operator: Of the eigenpairs.
        pairs: What a solver found; returned as they are where it has not converged, and of larger operators.
        products: Of the operator with their vectors, as columns, shape ``(n, count)``.
        request: What was wanted.
        seed: Of the random vector.

    Cost:
        At most as many products again, usually as many as Lanczos takes for a value of that accuracy.
    """
    if not pairs.converged or request.count == request.n or request.n > QUESTIONED:
        return pairs
    if _alike(pairs.vectors):
        return replace(pairs, converged=False, reason=f"{pairs.reason}, but two vectors are the same. Use lanczos")
    line = _Line(operator, pairs, products, seed)
    k, bottom, values = request.k, request.bottom, pairs.values
    ends = [(float(values[k - 1]), 1)] * bool(k) + [(float(values[-bottom]), -1)] * bool(bottom)
    beyond = [(x, side * max(request.rtol * abs(x), 2 * line.rounding)) for x, side in ends]
    left = min(request.max_matvecs - pairs.matvecs, length_of_line(request.n, pairs.matvecs))
    reason, sure, missed = f"max_matvecs ({request.max_matvecs}) reached in the complement", False, False
    while left > 0 and not sure and not missed:
        line.expand()
        left -= 1
        nodes = line.segment.nodes
        missed = any((nodes.max() > x + more) if more > 0 else (nodes.min() < x + more) for x, more in beyond)
        near, far = ([x + times * more for x, more in beyond] for times in (1.0, WIDER))
        # the last time what the bounds say may be less
        near, far = (far, []) if left == 0 else (near, far)
        sure = not missed and excluded_all([line.segment], request.n, near, far)
    matvecs = pairs.matvecs + len(line.alphas)
    pairs = replace(pairs, matvecs=matvecs, cost=float(matvecs))
    if missed:
        reason = f"{pairs.reason}, but a value is missing: the complement has one beyond them. Use lanczos"
    elif not sure and matvecs < request.max_matvecs:
        reason = f"{pairs.reason}, but a search of the complement as long as that for them does not exclude more values"
    if not sure:
        return replace(pairs, converged=False, reason=reason)
    bounds = line.reach(values, k, bottom) + line.rounding
    return replace(pairs, bounds=bounds, bound_kind=("probable",) * len(bounds))


def _alike(vectors: Tensor) -> bool:
    """Return whether unit vectors, as columns, are far from independent: an eigenvalue is counted twice."""
    V = vectors.double()
    return float(torch.linalg.eigvalsh(V.T @ V)[0]) < _INDEPENDENT


class _Line:
    """The operator in the complement of orthonormal columns Q, from a random vector."""

    def __init__(self, operator: SymmetricOperator, pairs: Eigenpairs, products: Tensor, seed: int) -> None:
        self.operator = operator
        self.Q, R = torch.linalg.qr(pairs.vectors.double())
        # of the same orthonormal columns, in double precision
        HQ = torch.linalg.solve_triangular(R, products.double(), upper=True, left=False)
        T = self.Q.T @ HQ
        rest = HQ - self.Q @ T
        small, self.leaks = T.cpu().numpy(), (rest.T @ rest).cpu().numpy()
        self.T = (small + small.T) / 2
        self.rounding = rounding_of_products(operator.dtype, float(np.linalg.norm(small, 2)))
        like = torch.empty(0, dtype=torch.float64, device=self.Q.device)
        v = random_unit_vector(len(self.Q), derive_seed(seed, "complement"), like)
        v = v - self.Q @ (self.Q.T @ v)
        self.v = v / v.norm()
        self.rows: list[Tensor] = []
        self.alphas: list[float] = []
        self.betas: list[float] = []

    def expand(self) -> None:
        """Spend a product.

        Raises:
            FloatingPointError: If it is not finite.
        """
        v = self.v.to(self.operator.device, self.operator.dtype)
        w = (self.operator @ v).to(self.v)
        alpha = float(self.v @ w)
        if not math.isfinite(alpha):
            self.operator.refuse_not_finite(v)
            raise FloatingPointError(
                f"a product with the operator is {alpha} (product {len(self.alphas) + 1} of a check)"
            )
        # against all of them: the line could end before rounding is through the complement
        self.rows.append(self.v)
        for known in 3 * (self.Q, torch.stack(self.rows, dim=1)):
            w = w - known @ (known.T @ w)
        beta = float(w.norm())
        self.rounding = max(self.rounding, rounding_of_products(self.operator.dtype, math.hypot(alpha, beta)))
        # rounding itself leads on: what it hides is as small as it is
        if beta <= self.rounding / 16 or len(self.alphas) + 1 == self.Q.shape[0] - self.Q.shape[1]:
            beta = 0.0
        self.alphas.append(alpha)
        self.betas.append(beta)
        self.v = w / (beta or 1.0)

    @property
    def segment(self) -> Segment:
        """The line so far."""
        T = np.diag(self.alphas) + np.diag(self.betas[:-1], 1) + np.diag(self.betas[:-1], -1)
        return segment_of(T, self.betas[-1])

    def reach(self, values: np.ndarray, k: int, bottom: int) -> np.ndarray:
        """Return how far the eigenvalue of its rank may be from each value."""
        n, end = len(self.Q), [self.segment]
        above = at_most(self.T, self.leaks, ceiling(end, n, largest=True, least=self.rounding), k)
        below = -at_most(-self.T, self.leaks, -ceiling(end, n, largest=False, least=self.rounding), bottom)[::-1]
        found: np.ndarray = np.abs(np.concatenate([above, below]) - values)
        return found
