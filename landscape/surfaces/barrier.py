"""How high the loss rises between two minima, with an interval over examples."""

from dataclasses import dataclass

import numpy as np

from landscape.randomness import derive_seed

RESAMPLES = 1000


@dataclass(frozen=True)
class Barrier:
    r"""The barrier along a path.

    Attributes:
        height: $\max_t\, [L(t) - ((1-t) L(0) + t L(1))]$: by how much the loss rises above the straight line between
            its two ends; 0 for a path that never does.
        low: Lower end of the interval over examples.
        high: Upper end.
        level: Of the interval.
        position: t of the maximum.
        peak: The largest loss along the path.
    """

    height: float
    low: float
    high: float
    level: float
    position: float
    peak: float


def barrier(positions: np.ndarray, losses: np.ndarray, *, level: float = 0.95, seed: int = 0) -> Barrier:
    """Return the barrier of a path, with the percentile bootstrap interval over examples.

    Examples are resampled together for all points of the path, so that what is common to both ends cancels.

    Args:
        positions: t from 0 to 1, shape ``(T,)``.
        losses: Of every example at every point, shape ``(T, N)``.
        level: Of the interval.
        seed: Of the resampling.

    Pitfalls:
        A maximum over points is biased upwards where the path is flat: an interval that does not reach 0 below a small
        height is no proof of a barrier.

    References:
        Frankle, Dziugaite, Roy, Carbin 2020, "Linear mode connectivity and the lottery ticket hypothesis", section 2.
        Efron and Tibshirani 1993, "An introduction to the bootstrap", chapter 13.
    """
    means = losses.mean(axis=1)
    above = _above(positions, means)
    place = int(above.argmax())
    if not np.isfinite(losses).all():
        return Barrier(float(above[place]), np.nan, np.nan, level, float(positions[place]), float(means.max()))
    generator = np.random.default_rng(derive_seed(seed, "barrier bootstrap"))
    count = losses.shape[1]
    heights = np.empty(RESAMPLES)
    for index in range(RESAMPLES):
        weights = np.bincount(generator.integers(count, size=count), minlength=count) / count
        heights[index] = _above(positions, losses @ weights).max()
    low, high = np.quantile(heights, [(1 - level) / 2, (1 + level) / 2])
    return Barrier(float(above[place]), float(low), float(high), level, float(positions[place]), float(means.max()))


def _above(positions: np.ndarray, means: np.ndarray) -> np.ndarray:
    found: np.ndarray = means - ((1 - positions) * means[0] + positions * means[-1])
    return found
