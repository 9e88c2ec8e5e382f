"""What a study of so many seeds and runs can tell apart from nothing; numpy and scipy only."""

import math

from scipy import optimize, stats

from landscape.statistics.cluster_bootstrap import MIN_SEEDS

SPREAD = 0.2
"""Standard deviation over seeds of a log ratio of sharpness (0.09 to 0.20 in the digits study of `figures/`)."""


def smallest_ratio(seeds: int, *, spread: float = SPREAD, confidence: float = 0.95, power: float = 0.8) -> float:
    r"""Return the smallest ratio between two optimizers whose interval over seeds excludes 1 in most studies.

    The paired log ratios of n seeds, normal with standard deviation s, give Student's interval; it excludes zero with
    probability ``power`` when the mean is $\delta s/\sqrt n$, with $\delta$ from the noncentral t distribution of
    n - 1 degrees of freedom.

    Args:
        seeds: n, pairs that are independent; several learning rates of a seed count once.
        spread: s, of the natural logarithm.
        confidence: Of the interval.
        power: Share of studies that are to see it.

    Returns:
        The ratio, above 1; infinite for fewer than three seeds, which are given no interval.

    References:
        Cohen 1988, "Statistical power analysis for the behavioral sciences", section 2.3, with the noncentral t
        distribution instead of its tables.
    """
    if seeds < MIN_SEEDS:
        return math.inf
    degrees = seeds - 1
    critical = float(stats.t.ppf((1 + confidence) / 2, degrees))

    def missing(delta: float) -> float:
        return float(stats.nct.sf(critical, degrees, delta)) - power

    highest = critical + 2.0
    while missing(highest) < 0:
        highest *= 2
    return math.exp(float(optimize.brentq(missing, 0.0, highest)) * spread / math.sqrt(seeds))


def smallest_tau(runs: int, *, confidence: float = 0.95, power: float = 0.8) -> float:
    r"""Return the smallest Kendall tau that so many independent runs tell from zero in most studies.

    By the normal approximation with the variance of tau under independence, $2(2n+5)/(9n(n-1))$: a rule for planning.
    Runs of one seed are not independent, so that a study resolves less than this.

    Returns:
        The coefficient, at most 1; 1 where nothing less can be told from zero.

    References:
        Kendall 1938, "A new measure of rank correlation", eq. 13.
    """
    if runs < 4:
        return 1.0
    error = math.sqrt(2 * (2 * runs + 5) / (9 * runs * (runs - 1)))
    return min(1.0, error * float(stats.norm.ppf((1 + confidence) / 2) + stats.norm.ppf(power)))
