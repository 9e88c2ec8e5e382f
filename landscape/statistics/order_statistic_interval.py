"""An interval for a median that assumes nothing but independent seeds."""

from collections.abc import Sequence

import numpy as np
from scipy.special import bdtr


def median_interval(values: Sequence[float], confidence: float) -> tuple[float, float] | None:
    r"""Return the order statistics that hold the median with at least this probability, None with too few values.

    $[v_{(k)}, v_{(n+1-k)}]$ with the largest k for which $1 - 2 P(\mathrm{Bin}(n, \tfrac12) < k)$ is enough. Six
    values give 95 % (96.9 %), five do not (93.75 %).

    Args:
        values: One of each seed.
        confidence: Coverage.

    Example:
        >>> median_interval([3.0, 1.0, 2.0, 6.0, 5.0, 4.0], 0.95)
        (1.0, 6.0)

    References:
        Conover (1999), Practical nonparametric statistics, section 3.2.
    """
    ordered = np.sort(np.asarray(values, dtype=np.float64))
    n = len(ordered)
    ranks = np.arange(1, n // 2 + 1)
    enough = ranks[1 - 2 * bdtr(ranks - 1.0, n, 0.5) >= confidence]
    return (float(ordered[enough[-1] - 1]), float(ordered[n - enough[-1]])) if len(enough) else None
