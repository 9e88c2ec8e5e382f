"""Eigenvalue solvers by the names that a user can give, all called alike."""

from dataclasses import replace
from typing import Protocol

import numpy as np
import torch

from landscape.errors import UsageError, suggest
from landscape.operators.combinations import Sum
from landscape.operators.symmetric_operator import SymmetricOperator
from landscape.randomness import derive_seed
from landscape.solvers.basis_storage import BasisStorage
from landscape.solvers.eigen_request import EigenRequest
from landscape.solvers.eigenpairs import Eigenpairs
from landscape.solvers.lanczos import lanczos
from landscape.solvers.power_iteration import power_iteration
from landscape.solvers.scipy_solvers import eigsh, lobpcg


class EigenSolver(Protocol):
    """What every solver in `EIGEN_SOLVERS` can be called with."""

    def __call__(
        self,
        operator: SymmetricOperator,
        k: int = 1,
        *,
        bottom: int = 0,
        rtol: float = 1e-3,
        max_matvecs: int = 200,
        seed: int = 0,
    ) -> Eigenpairs:
        """Return the k largest and the ``bottom`` smallest algebraic eigenvalues."""


def block_lanczos(
    operator: SymmetricOperator,
    k: int = 1,
    *,
    bottom: int = 0,
    rtol: float = 1e-3,
    max_matvecs: int = 200,
    max_basis: int | None = None,
    storage: BasisStorage | None = None,
    seed: int = 0,
) -> Eigenpairs:
    """Return what `lanczos` returns, from blocks as wide as the more values are wanted at one end."""
    width = max(k, bottom, 1)
    return lanczos(
        operator, k, bottom=bottom, rtol=rtol, max_matvecs=max_matvecs, block_size=width, max_basis=max_basis,
        storage=storage, seed=seed,
    )  # fmt: skip


def power_iteration_of_both_ends(
    operator: SymmetricOperator,
    k: int = 1,
    *,
    bottom: int = 0,
    rtol: float = 1e-3,
    max_matvecs: int = 1000,
    seed: int = 0,
) -> Eigenpairs:
    """Return what `power_iteration` returns; for the bottom end, of the negated operator."""
    request = EigenRequest(operator.shape[0], k, bottom, rtol, max_matvecs)
    if not bottom:
        return power_iteration(operator, k, rtol=rtol, max_matvecs=max_matvecs, seed=seed)
    share = max(bottom, min(max_matvecs * bottom // request.count, max_matvecs - k))
    negated = Sum([operator], [-1.0])
    below = power_iteration(negated, bottom, rtol=rtol, max_matvecs=share, seed=derive_seed(seed, "bottom"))
    order = np.arange(bottom)[::-1]
    below = replace(
        below,
        values=-below.values[order],
        vectors=below.vectors.flip(1),
        residuals=below.residuals[order],
        bounds=below.bounds[order],
        bound_kind=below.bound_kind[::-1],
        sines=below.sines[order],
    )
    if not k:
        return below
    top = power_iteration(operator, k, rtol=rtol, max_matvecs=max_matvecs - below.matvecs, seed=seed)
    converged = top.converged and below.converged
    return Eigenpairs(
        values=np.concatenate([top.values, below.values]),
        vectors=torch.cat([top.vectors, below.vectors], dim=1),
        residuals=np.concatenate([top.residuals, below.residuals]),
        bounds=np.concatenate([top.bounds, below.bounds]),
        bound_kind=top.bound_kind + below.bound_kind,
        sines=np.concatenate([top.sines, below.sines]),
        matvecs=top.matvecs + below.matvecs,
        converged=converged,
        reason=_reason(top if not top.converged or below.converged else below, max_matvecs),
        cost=top.cost + below.cost,
    )


def _reason(part: Eigenpairs, max_matvecs: int) -> str:
    """Return why a part ended; its share of the products is not what the user gave."""
    return f"max_matvecs ({max_matvecs}) reached" if part.reason.startswith("max_matvecs") else part.reason


EIGEN_SOLVERS: dict[str, EigenSolver] = {
    "lanczos": lanczos,
    "block_lanczos": block_lanczos,
    "power_iteration": power_iteration_of_both_ends,
    "eigsh": eigsh,
    "lobpcg": lobpcg,
}


def eigen_solver(name: str) -> EigenSolver:
    """Return the solver of this name.

    Raises:
        UsageError: If there is none.
    """
    if name not in EIGEN_SOLVERS:
        known = ", ".join(EIGEN_SOLVERS)
        raise UsageError(f"There is no eigenvalue solver {name!r}.{suggest(name, EIGEN_SOLVERS)} Known: {known}.")
    return EIGEN_SOLVERS[name]
