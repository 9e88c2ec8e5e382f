"""How far one can go before the loss rises: a distribution over directions, which no single slice shows."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from torch import Tensor

from landscape.errors import UsageError
from landscape.problem import Problem
from landscape.surfaces.direction import Direction
from landscape.surfaces.gaussian import gaussian_vectors
from landscape.surfaces.point_evaluation import PointEvaluator

QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
PRECISION = 0.01


@dataclass(frozen=True)
class Widths:
    """Distances along several directions of one kind.

    Attributes:
        kind: Of the directions, in words.
        target: The loss at which one has gone too far.
        coordinates: How many lengths of its direction each takes, shape ``(k,)``; infinite where the loss stayed below
            up to ``most``.
        distances: The same as Euclidean distances.
        most: How far was looked, in lengths.
        precision: Relative error of each.
    """

    kind: str
    target: float
    coordinates: np.ndarray
    distances: np.ndarray
    most: float
    precision: float

    def quantiles(self) -> dict[str, float]:
        """Return quantiles of the coordinates over directions: each is one of the values, infinite ones too."""
        found = np.quantile(self.coordinates, QUANTILES, method="inverted_cdf")
        return {f"{q:g}": float(value) for q, value in zip(QUANTILES, found, strict=True)}


def widths(
    problem: Problem,
    theta: Tensor,
    directions: Sequence[Direction],
    *,
    kind: str,
    factor: float = 2.0,
    most: float = 8.0,
    on_progress: Callable[[int, int], None] | None = None,
) -> Widths:
    r"""Return how far the loss stays below ``factor`` times its value at theta along each direction.

    From a small step on, distances are doubled until the loss is above; then the crossing is bisected to 1 %.

    Args:
        problem: The training problem.
        theta: The minimum, shape ``(n,)``.
        directions: Which.
        kind: What they are called.
        factor: By how much the loss may rise.
        most: How many lengths of a direction to go at most.
        on_progress: Called with (directions done, directions).

    Raises:
        UsageError: If the factor is not above 1 or the loss not positive.

    Cost:
        10 to 20 evaluations a direction.

    Pitfalls:
        A peak that is left again between two doublings is not seen: the distances are those of the crossing found.
    """
    evaluator = PointEvaluator({"train": problem})
    center = evaluator.at(theta)["train"].loss
    target = factor * center
    if not factor > 1 or not center > 0:
        raise UsageError(f"The loss must be positive and rise by a factor above 1; it is {center:g}, by {factor:g}.")
    evaluator.ceiling = target  # a sum that is above already need not go on

    def above(direction: Direction, c: float) -> bool:
        return not evaluator.at(theta + c * direction.vector)["train"].loss <= target

    found = []
    for index, direction in enumerate(directions):
        found.append(_crossing(lambda c, d=direction: above(d, c), most))  # type: ignore[misc]
        if on_progress is not None:
            on_progress(index + 1, len(directions))
    coordinates = np.array(found)
    norms = np.array([each.norm for each in directions])
    return Widths(kind, target, coordinates, coordinates * norms, most, PRECISION)


def adaptive_directions(problem: Problem, theta: Tensor, count: int, *, seed: int = 0) -> list[Direction]:
    """Return Gaussian directions times the size of each weight, each as long as theta.

    Invariances:
        Those of adaptive sharpness: rescaling single weights, neurons or layers without changing the function.

    References:
        Kwon et al. 2021, "ASAM: Adaptive sharpness-aware minimization", section 3.
    """
    vectors = [v * theta.abs() for v in gaussian_vectors(problem, count, seed, "adaptive direction")]
    length = theta.norm()
    return [
        Direction(f"adaptive {index + 1}", v * (length / v.norm()), f"Gaussian times |w|, seed {seed}")
        for index, v in enumerate(vectors)
    ]


def _crossing(above: Callable[[float], bool], most: float) -> float:
    low, high = 0.0, most / 64
    while not above(high):
        if high >= most:
            return float("inf")
        low, high = high, min(2 * high, most)
    while high - low > PRECISION * high:
        middle = (low + high) / 2
        if above(middle):
            high = middle
        else:
            low = middle
    return (low + high) / 2
