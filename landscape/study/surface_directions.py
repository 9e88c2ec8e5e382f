"""Which grid a surface is evaluated on: its directions, their range, and the points to be marked on it."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from landscape.errors import UsageError
from landscape.operators import Hessian
from landscape.study.surface_points import SurfacePoints
from landscape.study.surface_settings import SurfaceSettings
from landscape.surfaces.between import directions_between
from landscape.surfaces.direction import Direction, check_directions
from landscape.surfaces.eigen_directions import eigen_directions
from landscape.surfaces.gaussian import gaussian_directions
from landscape.surfaces.given_direction import given_directions
from landscape.surfaces.gradient_direction import gradient_direction, update_direction
from landscape.surfaces.grid import SliceGrid, axis_through_zero, axis_with_one
from landscape.surfaces.trajectory import trajectory

MARGIN = 0.25
RISE = 2.0
"""By how much the loss would rise, if it were quadratic, at the edge along the most curved axis of length one."""


@dataclass(frozen=True)
class Laid:
    """A grid, and what is to be drawn on it.

    Attributes:
        grid: Where the loss is evaluated.
        marks: Name, coordinates and parameters of points to be marked, the trained one first.
        path: Coordinates of the checkpoints of a trajectory, in order; empty without one.
        about: What has to be said of the directions, as plain JSON types.
    """

    grid: SliceGrid
    marks: list[tuple[str, list[float], Tensor]]
    path: list[list[float]] = field(default_factory=list)
    about: dict[str, Any] = field(default_factory=dict)


def lay_out(points: SurfacePoints, settings: SurfaceSettings) -> Laid:
    """Return the grid that was asked for.

    Raises:
        UsageError: If it needs points that are not there, or directions are parallel.
    """
    if settings.directions in ("minima", "initial"):
        return _between(points, settings)
    if settings.directions == "trajectory":
        return _along_training(points, settings)
    directions = _directions(points, settings)[: settings.dimensions]
    if len(directions) < settings.dimensions:
        raise UsageError(
            f"{settings.directions} holds {len(directions)} directions, and {settings.dimensions} dimensions were "
            f"asked for. Give --dimensions {len(directions)}."
        )
    check_directions(directions)
    count, _ = settings.grid_points
    radius = settings.radius or _radius(points, settings, directions)
    axis = axis_through_zero(-radius, radius, count)
    grid = SliceGrid(points.minimum.theta, tuple(directions), (axis,) * len(directions))
    place = [0.0] * len(directions)
    return Laid(grid, [(points.names[0], place, points.minimum.theta)])


def _directions(points: SurfacePoints, settings: SurfaceSettings) -> list[Direction]:
    problem, theta, count, seed = points.problem, points.minimum.theta, settings.dimensions, settings.seed
    if settings.directions == "eigen":
        return eigen_directions(problem, theta, top=count, seed=seed)
    if settings.directions == "extremes":
        found = eigen_directions(problem, theta, top=max(count - 1, 1), bottom=1, seed=seed)
        return [found[0], found[-1], *found[1:-1]]
    if settings.directions not in ("random", "descent", "update"):
        return given_directions(problem, Path(settings.directions))
    random = gaussian_directions(
        problem,
        theta,
        count,
        seed=seed,
        normalization=settings.normalization,
        one_dimensional=settings.one_dimensional,
    )
    if settings.directions == "random":
        return random
    length = random[0].norm
    if settings.directions == "descent":
        return [gradient_direction(problem, theta, length=length), *random]
    return [update_direction(points.minimum, length=length), *random]


def _radius(points: SurfacePoints, settings: SurfaceSettings, directions: list[Direction]) -> float:
    """Return 1, a step as long as the direction; for eigenvectors so far that the loss rises by about `RISE`."""
    if settings.directions not in ("eigen", "extremes"):
        return 1.0
    curvature = max(abs(each.eigenvalue or 0.0) for each in directions)
    if not curvature:
        H, v = Hessian(points.problem, points.minimum.theta), directions[0].vector
        curvature = abs(float(v @ (H @ v)))
    return float(f"{(2 * RISE / curvature) ** 0.5:.2g}") if curvature else 1.0


def _between(points: SurfacePoints, settings: SurfaceSettings) -> Laid:
    names, thetas = list(points.names), points.thetas
    if settings.directions == "initial":
        if points.initial is None:
            raise UsageError(
                "The initialisation of these minima is not known. Name runs of a study, or give it as a checkpoint."
            )
        names, thetas = [*names, "initialisation"], [*thetas, points.initial]
    if not 2 <= len(thetas) <= 3:
        raise UsageError(f"A line goes through two minima and a plane through three; {len(thetas)} are named.")
    directions, places = directions_between(thetas, names)
    count, _ = settings.grid_points
    axes = [axis_with_one(MARGIN, count)]
    if len(directions) == 2:
        along, across = [place[0] for place in places], [place[1] for place in places]
        width, height = max(along) - min(along), max(across) - min(across)
        margin = MARGIN * max(width, height)
        if not 0 <= places[2][0] <= 1:
            axes = [axis_through_zero(min(along) - margin, max(along) + margin, count)]
        axes.append(axis_through_zero(min(across) - margin, max(across) + margin, count))
    marks = list(zip(names, places, thetas, strict=True))
    if settings.average:
        count = len(points.thetas)
        mean = torch.stack([each.double() for each in points.thetas]).mean(0).to(thetas[0].dtype)
        marks.append((f"mean of the {count} minima", np.mean(places[:count], axis=0).tolist(), mean))
    distance = directions[0].norm
    about = {"distance": distance, "unit": f"the distance from {names[0]} to {names[1]}, {distance:.4g}"}
    return Laid(SliceGrid(thetas[0], tuple(directions), tuple(axes)), marks, about=about)


def _along_training(points: SurfacePoints, settings: SurfaceSettings) -> Laid:
    names = [name for name, _ in points.trajectory]
    thetas = [theta for _, theta in points.trajectory]
    found = trajectory(thetas, settings.dimensions)
    count, _ = settings.grid_points
    axes = []
    for along in found.coordinates.T:
        margin = MARGIN * float(np.ptp(found.coordinates, axis=0).max())
        axes.append(axis_through_zero(float(along.min()) - margin, float(along.max()) + margin, count))
    grid = SliceGrid(thetas[-1], found.directions, tuple(axes))
    places = found.coordinates.tolist()
    marks = [(names[-1], places[-1], thetas[-1]), (names[0], places[0], thetas[0])]
    about = {
        "explained": list(found.explained),
        "null_explained": list(found.null_explained),
        "distances": found.distances.tolist(),
        "checkpoints": names,
    }
    return Laid(grid, marks, places, about)
