"""What a stochastic estimator returns, and when it stops."""

import math
from dataclasses import dataclass

import numpy as np
from scipy.special import stdtrit

from landscape.errors import UsageError

FEWEST = 8
"""Random vectors from which an error is known well enough to stop on it, whatever the budget."""
_NORMAL = 1.959964


@dataclass(frozen=True)
class Estimate:
    """A Monte-Carlo estimate.

    Attributes:
        value: The mean over probes.
        error: Its standard error, wider from few probes, so that twice it holds the truth in about 95 of 100 cases.
        matvecs: Products spent.
        converged: Whether the standard error is within the tolerance asked for.
        reason: Why the estimator stopped, in words.
        method: How it was had, where there is more than one way.
        passes: Backward passes over all the examples, beside the products.
    """

    value: float
    error: float
    matvecs: int
    converged: bool
    reason: str
    method: str = ""
    passes: int = 0


@dataclass(frozen=True)
class DiagonalEstimate:
    """A Monte-Carlo estimate of a diagonal.

    Attributes:
        values: Shape ``(n,)``, float64.
        errors: The standard error of each, shape ``(n,)``, wider from few probes as in :class:`Estimate`.
        matvecs: Products spent.
        converged: Whether the length of ``errors`` is within the tolerance times the length of ``values``.
        reason: Why the estimator stopped, in words.
    """

    values: np.ndarray
    errors: np.ndarray
    matvecs: int
    converged: bool
    reason: str


@dataclass(frozen=True)
class StoppingRule:
    """When an estimator has spent enough.

    Args:
        rtol: Enough is a standard error of at most ``rtol`` times the magnitude of the estimate.
        min_matvecs: Products before the standard error is trusted, which takes :data:`FEWEST` vectors in any case.
        max_matvecs: The most products.

    Raises:
        UsageError: If one of them is out of its range.
    """

    rtol: float
    min_matvecs: int
    max_matvecs: int

    def __post_init__(self) -> None:
        if not 0 < self.rtol < math.inf or not 2 <= self.min_matvecs <= self.max_matvecs:
            raise UsageError(
                f"rtol must be positive and finite and 2 <= min_matvecs <= max_matvecs; "
                f"they are {self.rtol}, {self.min_matvecs} and {self.max_matvecs}."
            )

    def within(self, error: float, value: float, matvecs: int, vectors: int) -> bool:
        """Return whether to stop because the error, from so many random vectors, is small enough."""
        return vectors >= FEWEST and matvecs >= self.min_matvecs and error <= self.rtol * abs(value)

    def reason(self, *, converged: bool, vectors: int = FEWEST) -> str:
        """Return why it stopped."""
        if converged:
            return "the standard error is within rtol"
        few = f": {vectors} random vectors, and an error is trusted from {FEWEST}" if vectors < FEWEST else ""
        return f"max_matvecs ({self.max_matvecs}) reached{few}"

    def estimate(self, value: float, error: float, matvecs: int, vectors: int) -> Estimate:
        """Return the estimate so far."""
        converged = self.within(error, value, matvecs, vectors)
        return Estimate(value, error, matvecs, converged, self.reason(converged=converged, vectors=vectors))


def student_factor(freedom: float) -> float:
    r"""Return $t_{0.975,\nu}/z_{0.975}$, how much wider an error of $\nu$ degrees of freedom must be: 6.5, 2.2, 1.6."""
    return float(stdtrit(freedom, 0.975)) / _NORMAL if freedom > 0 else math.inf


def mean_and_error(samples: np.ndarray) -> tuple[float, float]:
    """Return the mean of independent samples and its standard error, Student's factor in it; infinite for one."""
    if len(samples) < 2:
        return float(np.mean(samples)), math.inf
    # in units of the largest: the squares of very small or large samples are zero or infinite
    unit = float(np.abs(samples).max()) or 1.0
    error = unit * float(np.std(samples / unit, ddof=1)) / math.sqrt(len(samples))
    return float(np.mean(samples)), student_factor(len(samples) - 1) * error


def check_block_size(block_size: int) -> None:
    """Refuse a block of less than one probe.

    Raises:
        UsageError: If there is less than one.
    """
    if block_size < 1:
        raise UsageError(f"block_size must be at least 1; it is {block_size}.")
