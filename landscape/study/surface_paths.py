"""Paths between the first two minima of a surface, as plain JSON types."""

import dataclasses
from typing import Any

from torch import Tensor

from landscape.errors import UsageError
from landscape.study.surface_points import SurfacePoints
from landscape.study.surface_settings import SurfaceSettings
from landscape.study.watched import OnProgress
from landscape.surfaces.alignment import align
from landscape.surfaces.curve import straight, train_curve
from landscape.surfaces.live_model import has_batch_norm
from landscape.surfaces.neuron_groups import neuron_groups
from landscape.surfaces.path import path_profile


def paths(points: SurfacePoints, settings: SurfaceSettings, tell: OnProgress) -> list[dict[str, Any]]:
    """Return every path that was asked for, with its barriers; BatchNorm is re-estimated at every point."""
    start, end = points.thetas[:2]
    rows = [_path(points, settings, kind, start, end, tell) for kind in settings.paths]
    if settings.align:
        tell("alignment of neurons", 0, None)
        aligned = align(points.problem, start, end, seed=settings.seed)
        about = {name: value for name, value in dataclasses.asdict(aligned).items() if name != "theta"}
        for kind in settings.paths:
            rows.append({**_path(points, settings, kind, start, aligned.theta, tell), "aligned": about})
    return rows


def check_paths(points: SurfacePoints, settings: SurfaceSettings) -> None:
    """Refuse paths that there cannot be, before anything is computed.

    Raises:
        UsageError: If there are not two minima, or neurons cannot be aligned.
    """
    if settings.paths and len(points.thetas) < 2:
        raise UsageError("A path leads from one minimum to another; one is named. Give a second --run or --checkpoint.")
    if settings.align and not settings.paths:
        raise UsageError("--align reorders neurons for paths, and none is asked for. Give --path straight.")
    if settings.align:
        neuron_groups(points.problem.model)


def _path(
    points: SurfacePoints, settings: SurfaceSettings, kind: str, start: Tensor, end: Tensor, tell: OnProgress
) -> dict[str, Any]:
    curve = straight(start, end)
    if kind != "straight":
        curve = train_curve(
            points.problem,
            start,
            end,
            kind=kind,
            steps=settings.curve_steps,
            lr=settings.curve_lr,
            seed=settings.seed,
            on_progress=lambda done, most: tell(f"training the {kind} curve", done, most),
        )
    tell(f"losses along the {kind} path", 0, None)
    found = path_profile(
        points.problems,
        curve,
        points=settings.path_points,
        statistics="reestimated" if has_batch_norm(points.problem) else "evaluation",
        seed=settings.seed,
    )
    return {
        "kind": kind,
        "aligned": None,
        "from": points.names[0],
        "to": points.names[1],
        "length": found.length,
        "positions": found.positions.tolist(),
        "columns": {name: column.tolist() for name, column in found.columns.items()},
        "barriers": {name: dataclasses.asdict(each) for name, each in found.barriers.items()},
    }
