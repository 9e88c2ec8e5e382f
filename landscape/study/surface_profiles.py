"""The loss along many random lines through a minimum, as plain JSON types."""

from typing import Any

import numpy as np

from landscape.study.surface_points import SurfacePoints
from landscape.study.surface_settings import SurfaceSettings
from landscape.study.watched import OnProgress
from landscape.surfaces.gaussian import gaussian_directions
from landscape.surfaces.grid import axis_through_zero
from landscape.surfaces.point_evaluation import PointEvaluator

POINTS = 31
QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)


def profiles(
    points: SurfacePoints, settings: SurfaceSettings, statistics: str, tell: OnProgress
) -> dict[str, Any] | None:
    """Return losses along random directions of the surface's own normalisation, and their quantiles at each distance.

    Every point is computed. A quantile is one of the losses, never between two, so that infinite ones do no harm.
    """
    if not settings.profiles:
        return None
    problem, theta, count = points.problem, points.minimum.theta, settings.profiles
    directions = gaussian_directions(
        problem,
        theta,
        count,
        seed=settings.seed,
        normalization=settings.normalization,
        one_dimensional=settings.one_dimensional,
    )
    radius = settings.radius or 1.0
    axis = axis_through_zero(-radius, radius, POINTS)
    evaluator = PointEvaluator(points.problems, statistics=statistics)
    losses = {name: np.empty((count, POINTS)) for name in points.problems}
    places = ((float(c) * direction.vector, c) for direction in directions for c in axis)
    for index, found in enumerate(evaluator(theta + step if c else theta for step, c in places)):
        for name, each in losses.items():
            each[divmod(index, POINTS)] = found[name].loss
        tell("lines along random directions", index + 1, count * POINTS)
    quantiles = {
        name: np.quantile(each, QUANTILES, axis=0, method="inverted_cdf").tolist() for name, each in losses.items()
    }
    return {
        "directions": count,
        "normalization": settings.normalization,
        "seed": settings.seed,
        "coordinates": axis.tolist(),
        "levels": list(QUANTILES),
        "quantiles": quantiles,
        "losses": {name: each.tolist() for name, each in losses.items()},
    }
