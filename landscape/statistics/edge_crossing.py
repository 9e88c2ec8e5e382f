"""A sharpness along training against its edge: when it crosses, and where it settles."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class EdgeCrossing:
    """What came of a ratio of sharpness to edge along training.

    Attributes:
        step: First measured step at which it was above 1, after one at which it was not: a start above the edge, which
            training leaves at once, does not count unless it never leaves. None if it never was.
        mean_ratio: Mean from there on; None if it never was.
        largest_ratio: The largest that was measured; None if there is none.
        stops: Measurements that the mean is over.
    """

    step: int | None
    mean_ratio: float | None
    largest_ratio: float | None
    stops: int


def edge_crossing(steps: Sequence[int], ratios: Sequence[float | None]) -> EdgeCrossing:
    """Return when the ratio first exceeds 1, and its mean from there on; stops without a ratio are left out.

    Example:
        >>> edge_crossing([0, 1, 2, 3], [0.5, 1.1, None, 0.9])
        EdgeCrossing(step=1, mean_ratio=1.0, largest_ratio=1.1, stops=2)
        >>> edge_crossing([0, 1, 2], [9.0, 0.5, 1.25])
        EdgeCrossing(step=2, mean_ratio=1.25, largest_ratio=9.0, stops=1)
    """
    known = [(step, ratio) for step, ratio in zip(steps, ratios, strict=True) if ratio is not None]
    if not known:
        return EdgeCrossing(None, None, None, 0)
    values = np.array([ratio for _, ratio in known])
    below = np.flatnonzero(values <= 1)
    above = np.flatnonzero(values > 1)
    if len(below):
        above = above[above > below[0]]
    if not len(above):
        return EdgeCrossing(None, None, float(values.max()), 0)
    after = values[above[0] :]
    return EdgeCrossing(known[above[0]][0], float(after.mean()), float(values.max()), len(after))
