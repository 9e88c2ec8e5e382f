"""The standard error of a smooth statistic from leaving out one seed at a time."""

import numpy as np

from landscape.statistics.cluster_bootstrap import MIN_SEEDS, Floats, SeedError, t_interval, too_few


def jackknife_error(without: Floats, seeds: int) -> SeedError:
    r"""Return $\sqrt{\frac{n-1}{n}\sum_i (v_{-i} - \bar v)^2}$, or None and the reason why there is none.

    Args:
        without: The statistic without each seed, shape ``(n,)``; NaN where it is undefined.
        seeds: Number of seeds, $n$.

    References:
        Tukey (1958); Cameron and Miller (2015), A practitioner's guide to cluster-robust inference, Journal of Human
        Resources 50(2) (the jackknife over clusters).
    """
    if seeds < MIN_SEEDS:
        return SeedError(None, f"no interval: {too_few(MIN_SEEDS, 'seeds', seeds)}")
    if not np.isfinite(without).all():
        return SeedError(None, "no interval: undefined without one of the seeds")
    error = float(np.sqrt((seeds - 1) / seeds * np.sum((without - without.mean()) ** 2)))
    if error <= 1e-12 * max(1.0, float(np.abs(without).max())):
        return SeedError(None, "no interval: every seed gave the same number, so seeds show no spread")
    return SeedError(error)


def jackknife_interval(
    value: float, without: Floats, seeds: int, confidence: float, bounds: tuple[float, float], null: float = 0.0
) -> dict[str, float | str | None]:
    """Return ``value low high p_value note`` of a statistic that lies within bounds, by Student's t.

    Of 1000 simulated studies with 3 to 20 seeds, nominal 95 % intervals held the truth in 92 to 97 % (partial
    correlations) and 91 to 95 % (information); ``figures/relate/table.md``.

    Args:
        value: The statistic of all seeds.
        without: Without each of them, shape ``(seeds,)``.
        seeds: How many there are.
        confidence: Coverage of the interval.
        bounds: Between which the statistic lies.
        null: What the p-value is of.
    """
    error = jackknife_error(without, seeds)
    if error.value is None:
        return {"value": value, "low": None, "high": None, "p_value": None, "note": error.note}
    low, high, p_value = t_interval(value - null, error.value, seeds, confidence)
    low, high = max(low + null, bounds[0]), min(high + null, bounds[1])
    return {"value": value, "low": low, "high": high, "p_value": p_value, "note": ""}
