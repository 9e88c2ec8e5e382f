"""How many times larger a measure is for one optimizer than for another, pair by pair."""

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np

from landscape.statistics.cluster_bootstrap import cluster_numbers, resample_counts, seed_error, t_interval


@dataclass(frozen=True)
class PairedRatio:
    """A geometric mean of ratios, its interval and the p-value of one; None where undefined, see ``note``."""

    ratio: float | None
    low: float | None = None
    high: float | None = None
    p_value: float | None = None
    probability_larger: float | None = None
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
    with $a_i > b_i$ (``probability_larger``, ties count half) stands beside it and is not moved.

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
    larger = float(np.mean((logs > 0) + 0.5 * (logs == 0)))
    value = float(logs.mean())
    member = np.eye(len(set(seeds)))[cluster_numbers(seeds)]
    counts = resample_counts(member.shape[1], resamples, seed)
    error = seed_error((counts @ (member.T @ logs)) / (counts @ member.sum(axis=0)), member.shape[1])
    if error.value is None:
        return PairedRatio(_exp(value), probability_larger=larger, note=error.note)
    low, high, p_value = t_interval(value, error.value, member.shape[1], confidence)
    return PairedRatio(_exp(value), _exp(low), _exp(high), p_value, larger)


def _exp(log: float) -> float:
    """The exponential, within what a float holds: one wild seed of three can put an end beyond it."""
    return math.exp(min(max(log, -700.0), 700.0))
