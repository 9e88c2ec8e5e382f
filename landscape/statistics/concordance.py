"""How often two columns order runs alike, counted between clusters of runs without looking at every pair."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Labels = NDArray[np.intp]


@dataclass(frozen=True)
class Concordance:
    r"""Sums over pairs of runs of two clusters, each of shape ``(clusters, clusters)``; pairs count in both orders.

    Attributes:
        agreement: $\sum s^x_{ij} s^y_{ij}$, concordant minus discordant pairs.
        untied_x: $\sum |s^x_{ij}|$.
        untied_y: $\sum |s^y_{ij}|$.
    """

    agreement: Floats
    untied_x: Floats
    untied_y: Floats


def concordance(x: Floats, y: Floats, clusters: Labels, count: int) -> Concordance:
    r"""Return the sums of $\tau_b$ between every two clusters.

    Runs are sorted by x, and those with the same x downwards by y, so that of a pair the later run has the larger y
    exactly where the pair is concordant. Merging sorted halves counts these (Knight 1966), and a running sum of
    cluster memberships tells which cluster the other run is in.

    Args:
        x: Shape ``(n,)``, finite.
        y: Likewise.
        clusters: The cluster of each run, from 0, shape ``(n,)``.
        count: Number of clusters.

    Cost:
        $O(n \log n)$ time times the clusters, $O(n)$ memory times the clusters.

    References:
        Knight (1966), A computer method for calculating Kendall's tau with ungrouped data, JASA 61(314).
    """
    sizes = np.bincount(clusters, minlength=count).astype(np.float64)
    pairs = np.outer(sizes, sizes)
    untied_x, untied_y = pairs - _ties(x, clusters, count), pairs - _ties(y, clusters, count)
    tied_both = _ties(_pair_codes(x, y), clusters, count)
    concordant = _concordant(x, y, clusters, count)
    concordant += concordant.T
    untied = untied_x + untied_y - (pairs - tied_both)
    return Concordance(2 * concordant - untied, untied_x, untied_y)


def _concordant(x: Floats, y: Floats, clusters: Labels, count: int) -> Floats:
    """Pairs (i, j) with x_i > x_j and y_i > y_j, by the cluster of i and that of j."""
    n = len(x)
    order = np.lexsort((-y, x))
    member = np.zeros((n, count))
    member[np.arange(n), clusters[order]] = 1
    # of the same y the later come first, so that those before a run have a smaller y
    by_y = np.lexsort((-np.arange(n), y[order]))
    found, before = np.zeros((count, count)), np.zeros((n + 1, count))
    # numpy sorts numbers of sixteen bits by their digits, several times as fast
    small = np.uint16 if n <= 1 << 16 else np.intp
    # a pair is counted at the one level at which its two runs lie in the two halves of a block
    for level in range(max(n - 1, 0).bit_length()):
        here = by_y[np.argsort((by_y >> (level + 1)).astype(small), kind="stable")]
        later = ((here >> level) & 1).astype(bool)
        np.cumsum(np.where(later[:, None], 0.0, member[here]), axis=0, out=before[1:])
        start = (here[later] >> (level + 1)) << (level + 1)
        found += member[here[later]].T @ (before[np.flatnonzero(later)] - before[start])
    return found


def _ties(column: Floats, clusters: Labels, count: int) -> Floats:
    """Pairs with the same value, by their two clusters; a run is tied with itself."""
    _, level = np.unique(column, return_inverse=True)
    table = np.bincount(level * count + clusters, minlength=(int(level.max(initial=-1)) + 1) * count)
    by_level = table.reshape(-1, count).astype(np.float64)
    ties: Floats = by_level.T @ by_level
    return ties


def _pair_codes(x: Floats, y: Floats) -> Floats:
    """A number for each pair of values, the same where both are."""
    _, in_x = np.unique(x, return_inverse=True)
    _, in_y = np.unique(y, return_inverse=True)
    return (in_x * (int(in_y.max(initial=0)) + 1) + in_y).astype(np.float64)
