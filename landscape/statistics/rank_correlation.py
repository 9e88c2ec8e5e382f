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
    too_few,
)
from landscape.statistics.concordance import concordance

MIN_RUNS = 3
"""Fewer points have no rank correlation worth the name: two points are always in perfect order."""

_MOST_EXCHANGES = 200
_MOST_NUMBERS = 2_000_000
Factors = Sequence[tuple[Floats, Floats]]
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
    x: Sequence[float] | Floats,
    y: Sequence[float] | Floats,
    seeds: Sequence[Hashable],
    *,
    confidence: float,
    resamples: int,
    seed: int,
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
    x: Sequence[float] | Floats,
    y: Sequence[float] | Floats,
    seeds: Sequence[Hashable],
    *,
    confidence: float,
    resamples: int,
    seed: int,
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
    x: Sequence[float] | Floats,
    y: Sequence[float] | Floats,
    seeds: Sequence[Hashable],
    *,
    confidence: float,
    resamples: int,
    seed: int,
) -> RankCorrelation:
    if len(x) < MIN_RUNS:
        return RankCorrelation(None, note=f"undefined: {too_few(MIN_RUNS, 'runs', len(x))}")
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
    # each seed once is the value itself
    replicates = statistic(x, y, clusters, np.vstack([np.ones((1, n)), counts]))
    value = float(replicates[0])
    if abs(value) > 1 - 1e-12:
        return RankCorrelation(float(round(value)), note="no interval: the order is perfect")
    error = seed_error(replicates[1:], n)
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
    order = np.argsort(column, kind="stable")
    levels = np.split(order, np.flatnonzero(np.diff(column[order])) + 1)
    by_seed = [{int(clusters[i]): int(i) for i in level} for level in levels]
    places = [place for below, above in pairwise(by_seed) for place in product(below.values(), above.values())]
    # of very many all are about as harmless: some, evenly spread, stand for them
    for i, j in places[:: -(-len(places) // _MOST_EXCHANGES) or 1]:
        exchanged = column.copy()
        exchanged[[i, j]] = column[[j, i]]
        yield exchanged


def _kendall(x: Floats, y: Floats, clusters: NDArray[np.intp], counts: Floats) -> Floats:
    """Tau-b in each resample: a run drawn twice is two runs, tied with each other."""
    sums = concordance(x, y, clusters, counts.shape[1])

    def total(pairs: Floats) -> Floats:
        weighted: Floats = ((counts @ pairs) * counts).sum(axis=1)
        return weighted

    return _divide(total(sums.agreement), total(sums.untied_x), total(sums.untied_y))


def _spearman(x: Floats, y: Floats, clusters: NDArray[np.intp], counts: Floats) -> Floats:
    """Pearson's correlation of the mid-ranks within each resample."""
    below_x, below_y = _below(x, clusters, counts.shape[1]), _below(y, clusters, counts.shape[1])
    sums = _sums_by_seeds if counts.shape[1] ** 2 <= len(x) else _sums_by_runs
    runs = counts @ np.bincount(clusters, minlength=counts.shape[1])
    # mid-ranks are centred at half the number of runs
    centre = runs**3 / 4
    products = sums(((below_x, below_y), (below_x, below_x), (below_y, below_y)), clusters, counts)
    return _divide(*(each - centre for each in products))


def _below(column: Floats, clusters: NDArray[np.intp], count: int) -> Floats:
    """How many runs of each cluster lie below each run, ties half, shape ``(clusters, n)``."""
    order = np.argsort(column)
    ascending, members = column[order], clusters[order]
    below = np.empty((count, len(column)))
    for each in range(count):
        # places of ascending numbers are found several times as fast as those of numbers in any order
        own = ascending[members == each]
        below[each, order] = (np.searchsorted(own, ascending) + np.searchsorted(own, ascending, "right")) / 2
    return below


def _sums_by_seeds(factors: Factors, clusters: NDArray[np.intp], counts: Floats) -> list[Floats]:
    """The sum of each product of two mid-ranks in each resample, as a form of third order in the seeds' counts."""
    own = [np.flatnonzero(clusters == each) for each in range(counts.shape[1])]
    found = []
    for a, b in factors:
        forms = np.array([a[:, runs] @ b[:, runs].T for runs in own])
        found.append(sum(counts[:, k] * ((counts @ form) * counts).sum(axis=1) for k, form in enumerate(forms)))
    return [np.asarray(each) for each in found]


def _sums_by_runs(factors: Factors, clusters: NDArray[np.intp], counts: Floats) -> list[Floats]:
    """The same, run by run: where there are about as many seeds as runs; some resamples at a time."""
    size = max(1, _MOST_NUMBERS // len(clusters))
    parts = []
    for some in (counts[start : start + size] for start in range(0, len(counts), size)):
        weights = some[:, clusters]
        parts.append([(weights * (some @ a) * (some @ b)).sum(axis=1) for a, b in factors])
    return [np.concatenate(each) for each in zip(*parts, strict=True)]


def _divide(covariance: Floats, variance_x: Floats, variance_y: Floats) -> Floats:
    """Covariance over the root of the variances, NaN where a column is constant."""
    scale = np.sqrt(variance_x * variance_y)
    # Rounding leaves a constant column with a variance of 1e-28 or so, where a single true inversion gives 0.5.
    quotient: Floats = np.divide(covariance, scale, out=np.full_like(scale, np.nan), where=scale > 1e-9)
    return quotient
