"""What a slice can and cannot show, in numbers: its curvature beside the Hessian's, its lowest point, its share."""

from dataclasses import dataclass

import numpy as np
import torch

from landscape.operators import Hessian
from landscape.problem import Problem
from landscape.surfaces.direction import angle
from landscape.surfaces.grid import SliceGrid
from landscape.surfaces.point_evaluation import PointEvaluator

SMALL_STEP = 1e-3
"""Of the second difference, as a share of the axis: its own error is then of the order of 1e-6 on smooth networks."""
AGREE = 0.01
"""Relative difference up to which a second difference and the Hessian are said to agree."""


@dataclass(frozen=True)
class AxisCurvature:
    r"""Curvature along one axis of a slice at the trained point, per squared unit of the coordinate.

    Attributes:
        direction: Name of the axis.
        hessian: $\langle d, H d\rangle$ by an exact product.
        small: Second difference of the loss over steps of ``small_step``, in float64.
        small_step: Its step.
        grid: Second difference over neighbours on the grid: what the picture shows.
        grid_step: The grid's step; None where the trained point has no neighbour on both sides.
        angle: In degrees to the other axes, the smallest; None on a line.
        norm: Length of the direction.
    """

    direction: str
    hessian: float
    small: float
    small_step: float
    grid: float | None
    grid_step: float | None
    angle: float | None
    norm: float

    @property
    def disagreement(self) -> float:
        """By how much the second difference over small steps is off the Hessian's, relative to the larger one."""
        scale = max(abs(self.hessian), abs(self.small))
        return abs(self.small - self.hessian) / scale if scale else 0.0


def axis_curvatures(problem: Problem, grid: SliceGrid, statistics: str = "evaluation") -> list[AxisCurvature]:
    r"""Return the curvature along each axis at the trained point, by the Hessian and by the slice's own differences.

    On smooth networks the two agree; on piecewise-linear ones (ReLU) the second difference also counts the kinks
    between its points, which the Hessian does not see.

    Args:
        problem: The training problem.
        grid: Its point and directions.
        statistics: Of BatchNorm, as in `PointEvaluator`; re-estimated ones are compared as they are at the
            trained point.

    Cost:
        One product and four evaluations an axis; the small steps in float64.
    """
    kept = "batch" if statistics == "batch" else "evaluation"
    H = Hessian(problem, grid.origin)
    fine = PointEvaluator({"train": problem}, dtype=torch.float64, statistics=kept)
    origin = grid.origin.double()
    center = fine.at(origin)["train"].loss
    found = []
    for direction, axis in zip(grid.directions, grid.axes, strict=True):
        v = direction.vector.double()
        step = SMALL_STEP * float(np.abs(axis).max())
        around = [fine.at(origin + sign * step * v)["train"].loss for sign in (1, -1)]
        small = (sum(around) - 2 * center) / step**2
        exact = float(v @ (H @ direction.vector).double())
        coarse, grid_step = None, None
        middle = int(np.flatnonzero(axis == 0.0)[0])
        if 0 < middle < len(axis) - 1:
            grid_step = float(axis[middle + 1])
            around = [fine.at(origin + sign * grid_step * v)["train"].loss for sign in (1, -1)]
            coarse = (sum(around) - 2 * center) / grid_step**2
        nearest = min((angle(direction, each) for each in grid.directions if each is not direction), default=None)
        found.append(AxisCurvature(direction.name, exact, small, step, coarse, grid_step, nearest, direction.norm))
    return found


@dataclass(frozen=True)
class Lowest:
    """The lowest point of a slice among those computed.

    Attributes:
        coordinates: Where it lies.
        loss: There.
        center: The loss of the trained point.
        at_center: Whether it is the trained point.
        on_edge: Whether it lies on the edge of the grid, so that the slice may go on downhill.
    """

    coordinates: tuple[float, ...]
    loss: float
    center: float
    at_center: bool
    on_edge: bool


def lowest(grid: SliceGrid, losses: np.ndarray, computed: np.ndarray) -> Lowest:
    """Return where the computed losses are lowest, shape ``(size,)`` each; the trained point wins a tie."""
    candidates = np.where(computed & np.isfinite(losses), losses, np.inf)
    index = int(np.argmin(candidates))
    if losses[grid.center] <= candidates[index]:
        index = grid.center
    place = np.unravel_index(index, grid.shape)
    on_edge = any(i in (0, size - 1) for i, size in zip(place, grid.shape, strict=True))
    where = tuple(float(axis[i]) for axis, i in zip(grid.axes, place, strict=True))
    return Lowest(where, float(losses[index]), float(losses[grid.center]), index == grid.center, on_edge)
