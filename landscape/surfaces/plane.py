"""The loss over a plane through a minimum."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from torch import Tensor

from landscape.errors import UsageError
from landscape.problem import Problem
from landscape.surfaces.gaussian import gaussian_directions
from landscape.surfaces.grid import SliceGrid, axis_through_zero
from landscape.surfaces.point_evaluation import PointEvaluator, PointValues


@dataclass(frozen=True)
class Surface:
    r"""Train and test loss over $\theta + a\,d_1 + b\,d_2$.

    Attributes:
        coordinates: a, and b, shape ``(points,)``, symmetric around an exact 0 in the middle: the minimum.
        train_loss: Shape ``(points, points)``, ``[i, j]`` at ``a[i], b[j]``; infinite where the network overflows.
        test_loss: The same on the test examples; None without them.
        train_accuracy: The same; None without classes.
        test_accuracy: The same; None without classes or test examples.
        seed: Of the two directions.
        normalization: How they were scaled: ``"filter"``.
    """

    coordinates: np.ndarray
    train_loss: np.ndarray
    test_loss: np.ndarray | None
    train_accuracy: np.ndarray | None
    test_accuracy: np.ndarray | None
    seed: int
    normalization: str

    def __str__(self) -> str:
        """The size, the extent and the range of the loss, in a line."""
        points, reach = len(self.coordinates), self.coordinates[-1]
        low, high = self.train_loss.min(), self.train_loss.max()
        return (
            f"{points} x {points} points, {-reach:g} to {reach:g} along each axis; train loss {low:.4g} to {high:.4g}"
        )

    def arrays(self) -> dict[str, np.ndarray]:
        """Return the coordinates and grids by name, without those that are None."""
        grids = {
            "a": self.coordinates,
            "b": self.coordinates,
            "train_loss": self.train_loss,
            "test_loss": self.test_loss,
            "train_accuracy": self.train_accuracy,
            "test_accuracy": self.test_accuracy,
        }
        return {name: grid for name, grid in grids.items() if grid is not None}


def loss_surface(
    problem: Problem,
    theta: Tensor | None = None,
    *,
    test: Problem | None = None,
    points: int = 31,
    radius: float = 1.0,
    seed: int = 0,
    on_progress: Callable[[int, int], None] | None = None,
) -> Surface:
    r"""Return the loss over a random filter-normalised plane through theta.

    The two directions are Gaussian, drawn from ``seed`` alone, so that two minima of one architecture are cut
    along the same directions, then made orthogonal and filter-normalised.

    Args:
        problem: The training problem.
        theta: The minimum, shape ``(n,)``; the model's own parameters by default.
        test: The same model and loss on test examples, evaluated at the same points.
        points: Grid points along each axis, odd so that the minimum lies on the grid.
        radius: The grid runs from ``-radius`` to ``radius``; 1 is a step as long as the filters themselves.
        seed: Of the directions.
        on_progress: Called with (points done, points in all).

    Raises:
        UsageError: If ``points`` is even or below 3, or the radius not positive.

    Cost:
        ``points ** 2`` forward passes over all examples of both problems.

    Pitfalls:
        Two of n dimensions: a random plane misses the sharp directions of a network almost surely.

    References:
        Li et al. 2018, "Visualizing the loss landscape of neural nets".
    """
    if points < 3 or points % 2 == 0:
        raise UsageError(f"A grid needs an odd number of points, 3 or more; it is {points}. Try {max(points | 1, 3)}.")
    if not radius > 0:
        raise UsageError(f"The radius of a slice must be positive; it is {radius}. 1 is usual.")
    theta = problem.theta if theta is None else theta
    directions = gaussian_directions(problem, theta, 2, seed=seed)
    coordinates = axis_through_zero(-radius, radius, points)
    grid = SliceGrid(theta, tuple(directions), (coordinates, coordinates))
    evaluator = PointEvaluator({"train": problem} if test is None else {"train": problem, "test": test})
    grids = {name: _Grid(points) for name in evaluator.problems}
    for index, found in enumerate(evaluator(grid.point(each) for each in grid.coordinates)):
        for name, values in found.items():
            grids[name].put(*divmod(index, points), values)
        if on_progress is not None and (index + 1) % points == 0:
            on_progress(index + 1, points**2)
    train, last = grids["train"], grids["train" if test is None else "test"]
    return Surface(
        coordinates=coordinates,
        train_loss=train.loss,
        test_loss=None if test is None else last.loss,
        train_accuracy=train.accuracies(),
        test_accuracy=None if test is None else last.accuracies(),
        seed=seed,
        normalization="filter",
    )


class _Grid:
    """Loss and accuracy over the grid, filled point by point."""

    def __init__(self, points: int) -> None:
        self.loss = np.full((points, points), np.nan)
        self._accuracy = np.full((points, points), np.nan)

    def put(self, i: int, j: int, values: PointValues) -> None:
        self.loss[i, j] = values.loss
        self._accuracy[i, j] = np.nan if values.accuracy is None else values.accuracy

    def accuracies(self) -> np.ndarray | None:
        return None if np.isnan(self._accuracy).any() else self._accuracy
