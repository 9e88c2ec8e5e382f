"""How wide a minimum is along many directions of several kinds, as plain JSON types."""

from typing import Any

from landscape.study.surface_points import SurfacePoints
from landscape.study.surface_settings import SurfaceSettings
from landscape.study.watched import OnProgress
from landscape.surfaces.direction import Direction
from landscape.surfaces.eigen_directions import eigen_directions
from landscape.surfaces.gaussian import gaussian_directions
from landscape.surfaces.width import adaptive_directions, widths

EIGEN = 5
MOST_LENGTHS = 8.0


def width_distributions(points: SurfacePoints, settings: SurfaceSettings, tell: OnProgress) -> list[dict[str, Any]]:
    """Return distances along random filter-normalised, adaptive and leading eigen-directions, each both ways."""
    problem, theta, seed = points.problem, points.minimum.theta, settings.seed
    length = float(theta.double().norm())
    kinds = {
        "random, filter-normalised": gaussian_directions(problem, theta, settings.width, seed=seed),
        "random, times |w|": adaptive_directions(problem, theta, settings.width, seed=seed),
        f"{EIGEN} top eigenvectors, of length |w|": eigen_directions(
            problem, theta, top=min(EIGEN, settings.width), length=length, rtol=0.01, seed=seed
        ),
    }
    rows = []
    for kind, directions in kinds.items():
        both = [*directions, *(Direction(f"minus {each.name}", -each.vector, each.how) for each in directions)]
        found = widths(
            problem,
            theta,
            both,
            kind=kind,
            factor=settings.width_factor,
            most=MOST_LENGTHS,
            on_progress=lambda done, most, kind=kind: tell(f"width: {kind}", done, most),  # type: ignore[misc]
        )
        rows.append(
            {
                "kind": kind,
                "factor": settings.width_factor,
                "target": found.target,
                "directions": len(both),
                "coordinates": found.coordinates.tolist(),
                "distances": found.distances.tolist(),
                "quantiles": found.quantiles(),
                "most": found.most,
                "precision": found.precision,
            }
        )
    return rows
