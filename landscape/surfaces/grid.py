"""Coordinates of a grid that holds the trained point exactly."""

from dataclasses import dataclass

import numpy as np
from torch import Tensor

from landscape.errors import UsageError
from landscape.surfaces.direction import Direction


def odd_points(points: int) -> tuple[int, str]:
    """Return the next odd number of grid points from 3 on, and a sentence if it is another than was asked for."""
    chosen = max(points | 1, 3)
    if chosen == points:
        return points, ""
    return (
        chosen,
        f"A grid needs an odd number of points, 3 or more, to hold the trained point: {chosen}, not {points}.",
    )


def axis_through_zero(low: float, high: float, points: int) -> np.ndarray:
    """Return evenly spaced coordinates from about ``low`` to about ``high`` of which one is exactly 0.

    Args:
        low: At most 0.
        high: At least 0.
        points: How many; with an odd number and a symmetric range the two sides mirror each other.

    Raises:
        UsageError: If 0 is not between the ends, or there are fewer than 3 points.
    """
    if not (low <= 0 <= high and low < high and np.isfinite([low, high]).all()):
        raise UsageError(f"A slice must hold the trained point at 0; its range is {low:g} to {high:g}. 1 is usual.")
    if points < 3:
        raise UsageError(f"A grid needs 3 points or more; it has {points}. 31 is usual.")
    before = min(max(round(-low / (high - low) * (points - 1)), 1 if low < 0 else 0), points - 2)
    # from integers, so that zero is exact and the two sides mirror each other
    after = points - 1 - before
    step = max(-low / before if before else 0.0, high / after)
    return step * np.arange(-before, after + 1)


def axis_with_one(margin: float, points: int) -> np.ndarray:
    """Return evenly spaced coordinates around 0 and 1 of which one is exactly 0 and one exactly 1.

    Args:
        margin: How far beyond either end, at least.
        points: About how many; there are never fewer, and at most three more.
    """
    inside = max(round((points - 1) / (1 + 2 * margin)), 1)
    outside = int(np.ceil(margin * inside - 1e-9))
    return np.arange(-outside, inside + outside + 1) / inside


@dataclass(frozen=True)
class SliceGrid:
    r"""Points $\theta + \sum_i c_i d_i$ for coordinates c on a grid.

    Attributes:
        origin: theta, shape ``(n,)``.
        directions: One to three.
        axes: Coordinates along each; one of them is 0.
    """

    origin: Tensor
    directions: tuple[Direction, ...]
    axes: tuple[np.ndarray, ...]

    @property
    def shape(self) -> tuple[int, ...]:
        """Points along each axis."""
        return tuple(len(axis) for axis in self.axes)

    @property
    def size(self) -> int:
        """Points in all."""
        return int(np.prod(self.shape))

    @property
    def coordinates(self) -> np.ndarray:
        """Of every point, the last axis changing fastest, shape ``(size, dimensions)``."""
        return np.stack([each.ravel() for each in np.meshgrid(*self.axes, indexing="ij")], axis=1)

    @property
    def center(self) -> int:
        """Which point is the trained one."""
        places = [int(np.flatnonzero(axis == 0.0)[0]) for axis in self.axes]
        return int(np.ravel_multi_index(places, self.shape))

    def point(self, coordinates: np.ndarray) -> Tensor:
        """Return the parameters at some coordinates, shape ``(n,)``."""
        theta = self.origin
        for c, direction in zip(coordinates, self.directions, strict=True):
            if c:
                theta = theta + float(c) * direction.vector
        return theta
