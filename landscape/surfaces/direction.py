"""A direction to go along from a point, with what has to be said of it."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor

from landscape.errors import UsageError

LEAST_ANGLE = 1.0
"""Degrees below which two directions span no plane that can be drawn."""


@dataclass(frozen=True)
class Direction:
    """A vector of parameters.

    Attributes:
        name: A few words, such as ``"gaussian 1"``.
        vector: Shape ``(n,)``; a coordinate of 1 is a step as long as it.
        how: How it came about, in words: its seed, its normalisation.
        eigenvalue: Of the Hessian, where it is an eigenvector.
    """

    name: str
    vector: Tensor
    how: str
    eigenvalue: float | None = None

    @property
    def norm(self) -> float:
        """Its length."""
        return float(self.vector.double().norm())


def angle(first: Direction, second: Direction) -> float:
    """Return the angle between two directions in degrees, 0 to 90: a direction and its opposite are parallel."""
    # along the first one by hand: the arccosine of a cosine near 1 has lost half of its digits
    u, v = (each.vector.double() / each.norm for each in (first, second))
    along = float(u @ v)
    across = float((v - along * u).norm())
    return math.degrees(math.atan2(across, abs(along)))


def check_directions(directions: Sequence[Direction]) -> None:
    """Refuse directions that are zero, not finite, or parallel.

    Raises:
        UsageError: Says which, and the angle.
    """
    for each in directions:
        if not math.isfinite(each.norm) or each.norm == 0:
            raise UsageError(f"The direction {each.name!r} has length {each.norm:g}: it leads nowhere. Choose another.")
    for index, first in enumerate(directions):
        for second in directions[index + 1 :]:
            between = angle(first, second)
            if between < LEAST_ANGLE:
                raise UsageError(
                    f"The directions {first.name!r} and {second.name!r} are parallel: the angle between them is "
                    f"{between:.2g} degrees, and a plane needs {LEAST_ANGLE:g} or more. Choose another pair."
                )
