"""Kendall's tau-b and Spearman's rho, with intervals over seeds."""

from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise, product

import numpy as np
from numpy.typing import NDArray

from landscape.statistics.cluster_bootstrap import (
    Floats,
    cluster_numbers,
    resample_counts,
    seed_error,
    t_interval,
)

MIN_RUNS = 3
"""Fewer points have no rank correlation worth the name: two points are always in perfect order."""

Statistic = Callable[[Floats, Floats, NDArray[np.intp], Floats], Floats]


@dataclass(frozen=True)
class RankCorrelation:
    """A rank correlation, its interval and the p-value of zero; None where undefined, and ``note`` says why."""

    value: float | None
    low: float | None = None
    high: float | None = None
    p_value: float | None = None
    note: str = ""


def kendall(
    x: Sequence[float], y: Sequence[float], seeds: Sequence[Hashable], *, confidence: float, resamples: int, seed: int
) -> RankCorrelation:
    r"""Return Kendall's $\tau_b$ of ``x`` and ``y`` with an interval over seeds.

    $\tau_b = \sum_{i<j} s^x_{ij} s^y_{ij} \big/ \sqrt{\sum_{i<j} |s^x_{ij}| \sum_{i<j} |s^y_{ij}|}$, where
    $s^x_{ij} = \mathrm{sign}(x_i - x_j)$. The interval takes its error from resampling whole seeds (see
    ``cluster_bootstrap``): it speaks about other seeds, at the same learning rates. It is on the plain scale, cut
    at -1 and 1: on Fisher's z scale the error of a correlation near 1 grows without bound (of a correlation of 0.98
    nearly tenfold against its distance from zero), and coverage is no better.

    Args:
        x: One number for each run, shape ``(n,)``, finite.
        y: Likewise.
        seeds: The seed of each run.
        confidence: Coverage of the interval.
        resamples: Number of bootstrap resamples.
        seed: Seed of the bootstrap.

    Invariances:
        Any increasing transformation of ``x`` or of ``y``; the order of the runs.

    References:
        Kendall (1945), The treatment of ties in ranking problems, Biometrika 33(3).
    """
    return _correlate(_kendall, x, y, seeds, confidence=confidence, resamples=resamples, seed=seed)


def spearman(
    x: Sequence[float], y: Sequence[float], seeds: Sequence[Hashable], *, confidence: float, resamples: int, seed: int
) -> RankCorrelation:
    r"""Return Spearman's $\rho$, Pearson's correlation of mid-ranks, with an interval over seeds.

    Args:
        x: One number for each run, shape ``(n,)``, finite.
        y: Likewise.
        seeds: The seed of each run.
        confidence: Coverage of the interval.
        resamples: Number of bootstrap resamples.
        seed: Seed of the bootstrap.

    Invariances:
        Any increasing transformation of ``x`` or of ``y``; the order of the runs.
    """
    return _correlate(_spearman, x, y, seeds, confidence=confidence, resamples=resamples, seed=seed)


def _correlate(
    statistic: Statistic,
    x: Sequence[float],
    y: Sequence[float],
    seeds: Sequence[Hashable],
    *,
    confidence: float,
    resamples: int,
    seed: int,
) -> RankCorrelation:
    if len(x) < MIN_RUNS:
        return RankCorrelation(None, note=f"undefined: it needs at least {MIN_RUNS} runs, there are {len(x)}")
    columns = np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)
    if any(np.all(column == column[0]) for column in columns):
        return RankCorrelation(None, note="undefined: all runs have the same value")
    clusters = cluster_numbers(seeds)
    counts = resample_counts(int(clusters.max()) + 1, resamples, seed)
    result = _estimate(statistic, *columns, clusters, counts, confidence)
    if result.value is None or abs(result.value) < 1:
        return result
    exchanged = [(columns[0], each) for each in _exchanges(columns[1], clusters)]
    exchanged += [(each, columns[1]) for each in _exchanges(columns[0], clusters)]
    near = [_estimate(statistic, *pair, clusters, counts, confidence) for pair in exchanged]
    return _of_perfect_order(result.value, near)


def _estimate(
    statistic: Statistic, x: Floats, y: Floats, clusters: NDArray[np.intp], counts: Floats, confidence: float
) -> RankCorrelation:
    """The correlation with its interval, without one in perfect order."""
    n = counts.shape[1]
    value = float(statistic(x, y, clusters, np.ones((1, n)))[0])
    if abs(value) > 1 - 1e-12:
        return RankCorrelation(float(round(value)), note="no interval: the order is perfect")
    error = seed_error(statistic(x, y, clusters, counts), n)
    if error.value is None:
        return RankCorrelation(value, note=error.note)
    low, high, p_value = t_interval(value, error.value, n, confidence)
    return RankCorrelation(value, max(low, -1.0), min(high, 1.0), p_value)


def _of_perfect_order(value: float, near: list[RankCorrelation]) -> RankCorrelation:
    """Perfect order with the widest interval among the orders that are one exchange of neighbours away from it."""
    # Every resample of a perfect order is perfect: the bootstrap would claim a certainty that no sample gives. But
    # the evidence is no weaker than with one exchange.
    for each in near:
        if each.low is None:
            return RankCorrelation(value, note=each.note)
    low = min(each.low for each in near if each.low is not None)
    high = max(each.high for each in near if each.high is not None)
    return RankCorrelation(
        value,
        low if value > 0 else -1.0,
        high if value < 0 else 1.0,
        max(each.p_value for each in near if each.p_value is not None),
        "perfect order: the interval is the widest after one exchange of neighbours",
    )


def _exchanges(column: Floats, clusters: NDArray[np.intp]) -> Iterator[Floats]:
    """The column with one pair of neighbouring values exchanged, once for each two values and two seeds."""
    runs_by_level = [{int(clusters[i]): int(i) for i in np.flatnonzero(column == level)} for level in np.unique(column)]
    for below, above in pairwise(runs_by_level):
        for i, j in product(below.values(), above.values()):
            exchanged = column.copy()
            exchanged[[i, j]] = column[[j, i]]
            yield exchanged


def _kendall(x: Floats, y: Floats, clusters: NDArray[np.intp], counts: Floats) -> Floats:
    """Tau-b in each resample: a run drawn twice is two runs, tied with each other."""
    sign_x, sign_y = np.sign(x[:, None] - x), np.sign(y[:, None] - y)
    member = np.eye(counts.shape[1])[clusters]

    def total(pairs: Floats) -> Floats:
        sums: Floats = ((counts @ (member.T @ pairs @ member)) * counts).sum(axis=1)
        return sums

    return _divide(total(sign_x * sign_y), total(sign_x**2), total(sign_y**2))


def _spearman(x: Floats, y: Floats, clusters: NDArray[np.intp], counts: Floats) -> Floats:
    """Pearson's correlation of the mid-ranks within each resample."""
    member = np.eye(counts.shape[1])[clusters]
    weights = counts[:, clusters]

    def centred_ranks(column: Floats) -> Floats:
        below = (column[:, None] < column) + 0.5 * (column[:, None] == column)
        ranks: Floats = counts @ (member.T @ below)
        return ranks - np.average(ranks, axis=1, weights=weights)[:, None]

    rank_x, rank_y = centred_ranks(x), centred_ranks(y)
    products = (rank_x * rank_y, rank_x**2, rank_y**2)
    return _divide(*((weights * product).sum(axis=1) for product in products))


def _divide(covariance: Floats, variance_x: Floats, variance_y: Floats) -> Floats:
    """Covariance over the root of the variances, NaN where a column is constant."""
    scale = np.sqrt(variance_x * variance_y)
    # Rounding leaves a constant column with a variance of 1e-28 or so, where a single true inversion gives 0.5.
    quotient: Floats = np.divide(covariance, scale, out=np.full_like(scale, np.nan), where=scale > 1e-9)
    return quotient
