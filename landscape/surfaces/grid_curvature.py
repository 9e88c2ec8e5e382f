"""Gradient norm and extreme eigenvalues of the Hessian at every point of a grid."""

from collections.abc import Callable, Collection

import numpy as np
import torch

from landscape.operators import Hessian
from landscape.problem import Problem
from landscape.solvers import lanczos
from landscape.surfaces.grid import SliceGrid

QUANTITIES = ("gradient_norm", "eigenvalues")


def curvature_on_grid(
    problem: Problem,
    grid: SliceGrid,
    quantities: Collection[str],
    *,
    rtol: float = 0.02,
    seed: int = 0,
    on_progress: Callable[[int, int], None] | None = None,
) -> dict[str, np.ndarray]:
    r"""Return columns over a grid, flat as its coordinates are.

    Args:
        problem: The training problem.
        grid: Which points.
        quantities: ``"gradient_norm"`` and ``"eigenvalues"``.
        rtol: Residual of each eigenvalue over its size.
        seed: Of Lanczos' start.
        on_progress: Called with (points done, points).

    Returns:
        ``gradient_norm``; ``top_eigenvalue``, ``bottom_eigenvalue``, their residuals, ``eigenvalue_ratio``
        ($|\lambda_{\min}/\lambda_{\max}|$) and ``converged`` (1 or 0). Not a number where the loss is not finite.

    Cost:
        A gradient a point, and 20 to 60 products for its eigenvalues.
    """
    rows: list[dict[str, float]] = []
    for index, place in enumerate(grid.coordinates):
        theta = grid.point(place)
        row: dict[str, float] = {}
        if "gradient_norm" in quantities:
            row["gradient_norm"] = float(problem.gradient(theta).double().norm())
        if "eigenvalues" in quantities:
            row |= _eigenvalues(problem, theta, rtol, seed)
        rows.append(row)
        if on_progress is not None:
            on_progress(index + 1, grid.size)
    return {name: np.array([row[name] for row in rows]) for name in rows[0]}


def _eigenvalues(problem: Problem, theta: torch.Tensor, rtol: float, seed: int) -> dict[str, float]:
    names = ("top_eigenvalue", "bottom_eigenvalue", "top_residual", "bottom_residual", "eigenvalue_ratio", "converged")
    try:
        pairs = lanczos(Hessian(problem, theta), 1, bottom=1, rtol=rtol, seed=seed)
    except FloatingPointError:
        return dict.fromkeys(names, float("nan"))
    top, bottom = (float(value) for value in (pairs.values[0], pairs.values[-1]))
    residuals = [float(value) for value in (pairs.residuals[0], pairs.residuals[-1])]
    ratio = abs(bottom / top) if top else float("nan")
    return dict(zip(names, (top, bottom, *residuals, ratio, float(pairs.converged)), strict=True))
