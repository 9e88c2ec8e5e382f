"""Gradient norm and extreme eigenvalues of the Hessian at every point of a grid."""

import time
from collections.abc import Callable, Collection, Mapping

import numpy as np
import torch

from landscape.operators import Hessian
from landscape.problem import Problem
from landscape.solvers import lanczos
from landscape.surfaces.grid import SliceGrid
from landscape.surfaces.grid_values import Save

QUANTITIES = ("gradient_norm", "eigenvalues")


def curvature_on_grid(
    problem: Problem,
    grid: SliceGrid,
    quantities: Collection[str],
    *,
    rtol: float = 0.02,
    seed: int = 0,
    done: Mapping[str, np.ndarray] | None = None,
    save: Save | None = None,
    every: float = 2.0,
    on_progress: Callable[[int, int], None] | None = None,
) -> dict[str, np.ndarray]:
    r"""Return columns over a grid, flat as its coordinates are.

    Args:
        problem: The training problem.
        grid: Which points.
        quantities: ``"gradient_norm"`` and ``"eigenvalues"``.
        rtol: Residual of each eigenvalue over its size.
        seed: Of Lanczos' start.
        done: Columns of an earlier process, as given to ``save``: of the first points, in order.
        save: Takes the columns of the points so far now and then, so that a killed process can go on.
        every: Seconds between two saves.
        on_progress: Called with (points done, points).

    Returns:
        ``gradient_norm``; ``top_eigenvalue``, ``bottom_eigenvalue``, their residuals, ``eigenvalue_ratio``
        ($|\lambda_{\min}/\lambda_{\max}|$) and ``converged`` (1 or 0). Not a number where the loss is not finite.

    Cost:
        A gradient a point, and 20 to 60 products for its eigenvalues.
    """
    rows = _rows(done or {})
    saved = time.monotonic()
    for index, place in enumerate(grid.coordinates[len(rows) :], start=len(rows)):
        theta = grid.point(place)
        row: dict[str, float] = {}
        if "gradient_norm" in quantities:
            row["gradient_norm"] = float(problem.gradient(theta).double().norm())
        if "eigenvalues" in quantities:
            row |= _eigenvalues(problem, theta, rtol, seed)
        rows.append(row)
        if save is not None and time.monotonic() - saved >= every:
            save(_columns(rows))
            saved = time.monotonic()
        if on_progress is not None:
            on_progress(index + 1, grid.size)
    return _columns(rows)


def _rows(columns: Mapping[str, np.ndarray]) -> list[dict[str, float]]:
    return [
        dict(zip(columns, row, strict=True)) for row in zip(*(each.tolist() for each in columns.values()), strict=True)
    ]


def _columns(rows: list[dict[str, float]]) -> dict[str, np.ndarray]:
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
