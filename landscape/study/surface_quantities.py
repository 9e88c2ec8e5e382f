"""Gradient norm and eigenvalues over a coarser grid of a surface, as plain JSON types."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from landscape.study.surface_directions import Laid
from landscape.study.surface_points import SurfacePoints
from landscape.study.surface_settings import SurfaceSettings
from landscape.study.watched import OnProgress
from landscape.surfaces.grid import SliceGrid
from landscape.surfaces.grid_curvature import curvature_on_grid
from landscape.surfaces.grid_values import Save


def quantities(
    points: SurfacePoints,
    laid: Laid,
    settings: SurfaceSettings,
    tell: OnProgress,
    done: Mapping[str, np.ndarray] | None = None,
    save: Save | None = None,
) -> dict[str, Any]:
    """Return coordinates and columns of a grid of every so many points of the surface's own, the trained one on it."""
    axes = tuple(_coarse(axis, settings.coarse_points) for axis in laid.grid.axes)
    grid = SliceGrid(laid.grid.origin, laid.grid.directions, axes)
    columns = curvature_on_grid(
        points.problem,
        grid,
        settings.quantities,
        seed=settings.seed,
        done=done,
        save=save,
        on_progress=lambda done, most: tell(" and ".join(settings.quantities).replace("_", " "), done, most),
    )
    return {
        "axes": [axis.tolist() for axis in axes],
        "columns": {name: column.reshape(grid.shape).tolist() for name, column in columns.items()},
    }


def _coarse(axis: np.ndarray, points: int) -> np.ndarray:
    """Return about so many of an axis' coordinates, 0 among them."""
    step = max(1, round((len(axis) - 1) / max(points - 1, 1)))
    middle = int(np.flatnonzero(axis == 0.0)[0])
    return axis[middle % step :: step]
