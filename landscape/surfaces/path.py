"""Losses along a path between two minima."""

import itertools
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from landscape.problem import Problem
from landscape.surfaces.barrier import Barrier, barrier
from landscape.surfaces.curve import Curve
from landscape.surfaces.point_evaluation import PointEvaluator


@dataclass(frozen=True)
class PathProfile:
    """What was found along a path.

    Attributes:
        kind: Of the curve.
        positions: t from 0 to 1, shape ``(T,)``.
        columns: ``train_loss``, ``train_accuracy`` and so on, shape ``(T,)`` each.
        barriers: By set of examples.
        length: Of the path, over the distance of its ends.
    """

    kind: str
    positions: np.ndarray
    columns: dict[str, np.ndarray]
    barriers: dict[str, Barrier]
    length: float


def path_profile(
    problems: Mapping[str, Problem],
    curve: Curve,
    *,
    points: int = 31,
    statistics: str = "evaluation",
    seed: int = 0,
) -> PathProfile:
    """Return losses, accuracies and barriers along a curve.

    Args:
        problems: Sets of examples by name, the training one first.
        curve: The path.
        points: Evenly spaced in t, with both ends; odd, so that the middle is one of them.
        statistics: Of BatchNorm: between minima those of either end are wrong, so re-estimate them.
        seed: Of the intervals' resampling.

    Cost:
        ``points`` forward passes over all examples.
    """
    positions = np.linspace(0, 1, points)
    evaluator = PointEvaluator(problems, statistics=statistics, per_example=True)
    found = list(evaluator(curve.at(float(t)) for t in positions))
    columns, barriers = {}, {}
    for name in problems:
        values = [each[name] for each in found]
        columns[f"{name}_loss"] = np.array([each.loss for each in values])
        if values[0].accuracy is not None:
            columns[f"{name}_accuracy"] = np.array([each.accuracy for each in values], dtype=np.float64)
        losses = np.array([each.losses for each in values])
        barriers[name] = barrier(positions, losses, seed=seed)
    steps = [curve.at(float(t)).double() for t in np.linspace(0, 1, 65)]
    length = sum(float((b - a).norm()) for a, b in itertools.pairwise(steps))
    return PathProfile(curve.kind, positions, columns, barriers, length / float((steps[-1] - steps[0]).norm()))
