"""An interval for a share that needs no spread: where every seed says the same, that is still only so many seeds."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import betainc, betaincinv

from landscape.statistics.cluster_bootstrap import MIN_SEEDS


def share_interval(shares: ArrayLike, confidence: float) -> tuple[float, float, float] | None:
    r"""Return low, high and the two-sided p-value of one half for the mean of shares, None with too few seeds.

    Each seed counts as one trial: Clopper and Pearson's interval with $k = \sum_i s_i$ of $n$. Where the shares are 0
    or 1 it is exact, otherwise cautious, since no share between 0 and 1 varies more than a coin does. For five seeds
    that all say 1 it is 0.478 to 1.

    Args:
        shares: One of each seed, shape ``(n,)``, between 0 and 1.
        confidence: Coverage of the interval.

    Example:
        >>> low, high, p_value = share_interval([1.0] * 5, 0.95)
        >>> round(low, 3), high, p_value
        (0.478, 1.0, 0.0625)

    References:
        Clopper and Pearson (1934), The use of confidence or fiducial limits illustrated in the case of the binomial,
        Biometrika 26(4).
    """
    each = np.asarray(shares, dtype=np.float64)
    n, k = len(each), float(each.sum())
    return trials_interval(k, n, confidence) if n >= MIN_SEEDS else None


def trials_interval(k: Any, n: Any, confidence: float) -> tuple[Any, Any, Any]:
    """Return the same of ``k`` of ``n`` trials, numbers or arrays of one shape."""
    k, n = np.minimum(k, n), np.asarray(n, dtype=np.float64)
    alpha = 1 - confidence
    with np.errstate(divide="ignore", invalid="ignore"):
        low = np.where(k > 0, betaincinv(np.maximum(k, 1e-300), n - k + 1, alpha / 2), 0.0)
        high = np.where(k < n, betaincinv(k + 1, np.maximum(n - k, 1e-300), 1 - alpha / 2), 1.0)
        at_least = np.where(k > 0, betainc(np.maximum(k, 1e-300), n - k + 1, 0.5), 1.0)
        at_most = np.where(k < n, 1 - betainc(k + 1, np.maximum(n - k, 1e-300), 0.5), 1.0)
    p_value = np.minimum(1.0, 2 * np.minimum(at_least, at_most))
    if np.ndim(k) == 0:
        return float(low), float(high), float(p_value)
    return low, high, p_value
