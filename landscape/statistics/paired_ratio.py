"""How many times larger a measure is for one optimizer than for another, pair by pair."""

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from landscape.statistics.bounded_interval import share_interval
from landscape.statistics.cluster_bootstrap import Floats, cluster_numbers, resample_counts, seed_error, t_interval
from landscape.statistics.order_statistic_interval import median_interval


@dataclass(frozen=True)
class PairedRatio:
    """A geometric mean of ratios, its interval and the p-value of one; None where undefined, see ``note``.

    Beside it the share of pairs whose ratio is above one, with Clopper and Pearson's interval of as many trials as
    seeds, and the median of the seeds' geometric means, whose interval of order statistics takes six seeds.
    """

    ratio: float | None
    low: float | None = None
    high: float | None = None
    p_value: float | None = None
    probability_larger: float | None = None
    probability_low: float | None = None
    probability_high: float | None = None
    median_ratio: float | None = None
    median_low: float | None = None
    median_high: float | None = None
    note: str = ""


def paired_ratio(
    numerators: Sequence[float],
    denominators: Sequence[float],
    seeds: Sequence[Hashable],
    *,
    confidence: float,
    resamples: int,
    seed: int,
) -> PairedRatio:
    r"""Return the geometric mean of the ratios of pairs, with an interval over seeds.

    $\exp\big(\frac1n \sum_i \log (a_i / b_i)\big)$: the exponential of the *mean* log ratio. Not the median: over
    five seeds the bootstrap of a median takes a handful of values and its error is unusable, and only a mean says
    by how much the geometric means of the two optimizers differ. A single wild pair moves it; the fraction of pairs
    with $a_i > b_i$ (``probability_larger``, ties count half) and the median over seeds stand beside it and are not
    moved.

    Args:
        numerators: Shape ``(n,)``, positive.
        denominators: Shape ``(n,)``, positive.
        seeds: The seed of each pair; pairs of one seed are resampled together.
        confidence: Coverage of the interval.
        resamples: Number of bootstrap resamples.
        seed: Seed of the bootstrap.

    Invariances:
        Units of the measure; the order of the pairs. Exchanging the two inverts the ratio and its interval.
    """
    if not numerators:
        return PairedRatio(None, note="undefined: no pair")
    logs = np.log(numerators) - np.log(denominators)
    value = float(logs.mean())
    clusters = cluster_numbers(seeds)
    pairs = np.bincount(clusters).astype(np.float64)
    sums = np.bincount(clusters, logs)
    beside = _beside(logs, clusters, sums / pairs, confidence)
    counts = resample_counts(len(pairs), resamples, seed)
    error = seed_error((counts @ sums) / (counts @ pairs), len(pairs))
    if error.value is None:
        return replace(beside, ratio=_exp(value), note=error.note)
    low, high, p_value = t_interval(value, error.value, len(pairs), confidence)
    return replace(beside, ratio=_exp(value), low=_exp(low), high=_exp(high), p_value=p_value)


def _beside(logs: Floats, clusters: NDArray[np.intp], by_seed: Floats, confidence: float) -> PairedRatio:
    """The share of pairs above one and the median over seeds, each with its interval where it has one."""
    larger = (logs > 0) + 0.5 * (logs == 0)
    found = share_interval(np.bincount(clusters, larger) / np.bincount(clusters), confidence)
    ends = median_interval(by_seed.tolist(), confidence)
    return PairedRatio(
        None,
        probability_larger=float(larger.mean()),
        probability_low=found[0] if found else None,
        probability_high=found[1] if found else None,
        median_ratio=_exp(float(np.median(by_seed))),
        median_low=_exp(ends[0]) if ends else None,
        median_high=_exp(ends[1]) if ends else None,
    )


def _exp(log: float) -> float:
    """The exponential, within what a float holds: one wild seed of three can put an end beyond it."""
    return math.exp(min(max(log, -700.0), 700.0))
