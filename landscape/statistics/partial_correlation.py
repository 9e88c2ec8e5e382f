"""Spearman's correlation of two columns with what others tell of both taken out."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from landscape.statistics.cluster_bootstrap import Floats, cluster_numbers, too_few
from landscape.statistics.cluster_jackknife import jackknife_interval

_LEAST_VARIANCE = 1e-9


def partial_correlation(
    x: Floats, y: Floats, given: Sequence[Floats], seeds: NDArray[np.intp], *, confidence: float
) -> dict[str, Any]:
    r"""Return the partial rank correlation of ``x`` and ``y`` with its interval: ``value low high p_value note``.

    Every column is replaced by its mid-ranks, those of ``given`` are regressed out of both, and what is left is
    correlated. With one column given, from Spearman's coefficients,
    $(\rho_{xy} - \rho_{xz}\rho_{yz}) / \sqrt{(1 - \rho_{xz}^2)(1 - \rho_{yz}^2)}$. The interval leaves out one seed at
    a time, with the ranks of all.

    Args:
        x: One number for each run, shape ``(n,)``, finite.
        y: Likewise.
        given: Columns, likewise; a 0-1 column stands for membership of a group.
        seeds: The seed of each run, shape ``(n,)``.
        confidence: Coverage of the interval.

    Invariances:
        Any increasing transformation of any column; the order of the runs.

    References:
        Kendall (1942), Partial rank correlation, Biometrika 32; Conover (1999), Practical nonparametric statistics,
        section 5.4.
    """
    nothing = {"value": None, "low": None, "high": None, "p_value": None}
    if len(x) < len(given) + 3:
        return nothing | {"note": f"undefined: {too_few(len(given) + 3, 'runs', len(x))}"}
    ranks = np.array([_mid_ranks(each) for each in (x, y, *given)])
    ranks = (ranks - ranks.mean(axis=1, keepdims=True)) / len(x)
    if min(ranks[:2].std(axis=1)) == 0:
        return nothing | {"note": "undefined: all runs have the same value"}
    clusters = cluster_numbers(seeds)
    count = int(clusters.max()) + 1
    one = np.vstack([ranks, np.ones(len(x))])
    sums = np.array([one[:, clusters == each] @ one[:, clusters == each].T for each in range(count)])
    whole = sums.sum(axis=0)
    found = _partial(np.concatenate([whole[None], whole - sums]))
    if not np.isfinite(found[0]):
        return nothing | {"note": "undefined: what is given leaves nothing of one of the two"}
    return jackknife_interval(float(found[0]), found[1:], count, confidence, (-1.0, 1.0))


def _mid_ranks(column: Floats) -> Floats:
    """The ranks from 1, ties at their middle."""
    _, level, counts = np.unique(column, return_inverse=True, return_counts=True)
    middle = np.cumsum(counts) - (counts - 1) / 2
    ranks: Floats = middle[level]
    return ranks


def _partial(moments: Floats) -> Floats:
    """The correlation of the first two given all others and the constant, which is last; shape ``(k,)``."""
    xy, z = moments[:, :2, :2], moments[:, 2:, 2:]
    across = moments[:, :2, 2:]
    left = xy - across @ np.linalg.pinv(z, rcond=1e-10, hermitian=True) @ across.transpose(0, 2, 1)
    variances = np.diagonal(left, axis1=1, axis2=2)
    before = np.diagonal(xy, axis1=1, axis2=2)
    there = np.all(variances > _LEAST_VARIANCE * np.maximum(before, 1e-300), axis=1)
    scale = np.sqrt(np.where(there[:, None], variances, 1.0).prod(axis=1))
    found: Floats = np.where(there, np.clip(left[:, 0, 1] / scale, -1, 1), np.nan)
    return found
