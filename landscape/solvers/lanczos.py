"""Lanczos with full reorthogonalisation, stopped on its residuals."""

import numpy as np
import torch
from scipy.linalg import eigh_tridiagonal
from torch import Tensor

from landscape.errors import UsageError
from landscape.operators.symmetric_operator import SymmetricOperator
from landscape.randomness import derive_seed
from landscape.solvers.eigenpairs import Eigenpairs, dot, kato_temple, random_unit_vector


def lanczos(
    operator: SymmetricOperator,
    k: int = 1,
    *,
    rtol: float = 1e-3,
    max_matvecs: int = 200,
    start: Tensor | None = None,
    seed: int = 0,
) -> Eigenpairs:
    r"""Return the k largest algebraic eigenvalues with vectors, residuals and bounds.

    Every new basis vector is orthogonalised twice against all before it, so no ghost copies appear. The residual
    of a Ritz pair is $\beta_m |s_m|$, the last off-diagonal element times the last component of its small
    eigenvector, plus the rounding of the products.

    Args:
        operator: Any symmetric operator.
        k: How many eigenvalues, 1 to n.
        rtol: Stop when every residual is at most ``rtol`` times its eigenvalue's magnitude; the values are then far
            better than that (their error is of the order of the residual's square).
        max_matvecs: Stop here at the latest; then ``converged`` is False.
        start: First vector, shape ``(n,)`` (a warm start); random by default.
        seed: Of the random first vector.

    Raises:
        UsageError: If k or a tolerance is out of its range.

    Cost:
        ``matvecs`` products, and as many vectors of length n in memory.

    Pitfalls:
        The Kato-Temple bound is not what it stops on: after five or six products it can promise 1e-4 while the two
        largest eigenvalues, 10 % apart, are still one Ritz value between them (4 runs in 100 of digits CNNs).
        A repeated eigenvalue is found once: a Krylov space holds one vector of each eigenspace.

    References:
        Parlett 1998, "The symmetric eigenvalue problem", chapters 11 and 13.
    """
    n = operator.shape[0]
    _check(k, n, rtol, max_matvecs)
    like = torch.empty(0, dtype=operator.dtype, device=operator.device)
    q = random_unit_vector(n, derive_seed(seed, "lanczos"), like) if start is None else start.to(like) / start.norm()
    basis = torch.empty(0, n, dtype=like.dtype, device=like.device)
    alphas: list[float] = []
    betas: list[float] = []
    steps = min(max_matvecs, n)
    while True:
        basis = _append(basis, q, len(alphas), steps)
        used = basis[: len(alphas) + 1]
        w = operator @ q
        alphas.append(dot(q, w))
        w = _orthogonalise(w, used)
        betas.append(float(w.double().norm()))
        ritz = _Ritz(np.array(alphas), np.array(betas), k, float(torch.finfo(like.dtype).eps))
        reason = _why_stop(ritz, rtol, len(alphas), steps, n)
        if reason:
            return ritz.pairs(used, reason, converged=ritz.within(rtol) or ritz.exhausted)
        q = w / betas[-1]


class _Ritz:
    """The eigenpairs of the tridiagonal matrix, with what they tell of the operator."""

    def __init__(self, alphas: np.ndarray, betas: np.ndarray, k: int, eps: float) -> None:
        values, vectors = eigh_tridiagonal(alphas, betas[:-1])
        values, self.small = values[::-1], vectors[:, ::-1]
        scale = float(np.abs(values).max())
        # what a product loses to rounding: some tens of units in the last place, measured on networks in float32
        self.rounding = 32 * eps * scale
        self.exhausted = bool(betas[-1] <= 10 * self.rounding)
        residuals = np.abs(betas[-1] * self.small[-1]) + self.rounding
        bounds = np.minimum(residuals, kato_temple(values, residuals) + self.rounding)
        self.k, self.complete = k, len(values) >= k
        self.values, self.residuals, self.bounds = values[:k], residuals[:k], bounds[:k]

    def within(self, rtol: float) -> bool:
        enough = self.residuals <= np.maximum(rtol * np.abs(self.values), 2 * self.rounding)
        return self.complete and bool(enough.all())

    def pairs(self, basis: Tensor, reason: str, *, converged: bool) -> Eigenpairs:
        small = torch.from_numpy(self.small[:, : self.k].copy()).to(basis)
        vectors = basis.T @ small
        vectors = vectors / vectors.norm(dim=0)
        return Eigenpairs(
            self.values, vectors, self.residuals, self.bounds, len(basis), converged and self.complete, reason
        )


def _why_stop(ritz: _Ritz, rtol: float, steps: int, limit: int, n: int) -> str:
    """Return why to stop now, or "" to go on."""
    if steps == n:
        return "the whole space is spanned"
    if ritz.exhausted:
        return "the Krylov space is invariant"
    if ritz.within(rtol):
        return "every residual is within rtol"
    return f"max_matvecs ({limit}) reached" if steps == limit else ""


def _orthogonalise(w: Tensor, basis: Tensor) -> Tensor:
    """Return w less its components in the rows of ``basis``; twice is enough (Parlett, section 6.9)."""
    for _ in range(2):
        w = w - basis.T @ (basis @ w)
    return w


def _append(basis: Tensor, q: Tensor, count: int, most: int) -> Tensor:
    """Return ``basis`` with ``q`` in row ``count``, grown by doubling up to ``most`` rows."""
    if count == len(basis):
        grown = basis.new_empty(min(max(8, 2 * count), most), q.shape[0])
        grown[:count] = basis
        basis = grown
    basis[count] = q
    return basis


def _check(k: int, n: int, rtol: float, max_matvecs: int) -> None:
    if not 1 <= k <= n:
        raise UsageError(f"Cannot find {k} eigenvalues of an operator of size {n}. Ask for 1 to {n}.")
    if not rtol > 0:
        raise UsageError(f"rtol must be positive; it is {rtol}. 1e-3 is a good start.")
    if max_matvecs < 1:
        raise UsageError(f"max_matvecs must be at least 1; it is {max_matvecs}.")
