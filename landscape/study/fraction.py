"""A seeded part of the product of a study's factors, as balanced over their levels as it can be."""

import math
from collections.abc import Hashable, Sequence

import numpy as np

from landscape.randomness import derive_seed


def drawn(settings: Sequence[Sequence[Hashable]], share: float, seed: int) -> list[int]:
    r"""Return the indices of the settings that are drawn, ascending: the share of their number, rounded up, or more.

    One setting is drawn after another: that whose levels, and pairs of levels of two factors, have been drawn least so
    far, in proportion to how many there are of each; ties are broken at random. Levels that none of them has come
    first, so that every level of each factor appears; where the share is too small for that, more are drawn.

    Args:
        settings: The level of each factor in each setting.
        share: Above 0, up to 1.
        seed: Of the ties.

    References:
        The criterion is that of balance in fractional factorial designs (Box, Hunter, Hunter 2005, chapter 6), sought
        greedily since levels may be of any number.
    """
    if share >= 1 or not settings:
        return list(range(len(settings)))
    codes = [
        np.unique([repr(each) for each in column], return_inverse=True)[1] for column in zip(*settings, strict=True)
    ]
    varied = [each for each in codes if each.max() > 0]
    pairs = [a * (b.max() + 1) + b for i, a in enumerate(varied) for b in varied[i + 1 :]]
    tie = np.random.default_rng(derive_seed(seed, "fraction")).permutation(len(settings)) / len(settings)
    counts = [np.zeros(each.max() + 1) for each in (*varied, *pairs)]
    free = np.ones(len(settings), dtype=bool)
    found: list[int] = []
    wanted = math.ceil(share * len(settings) - 1e-9)
    while len(found) < wanted or any((each == 0).any() for each in counts[: len(varied)]):
        unseen = sum((count == 0)[code] * 1.0 for code, count in zip(varied, counts, strict=False))
        often = sum(count[code] * len(count) for code, count in zip((*varied, *pairs), counts, strict=True))
        score = np.where(free, -1e9 * unseen + often + tie, np.inf)
        best = int(np.argmin(score))
        free[best] = False
        found.append(best)
        for code, count in zip((*varied, *pairs), counts, strict=True):
            count[code[best]] += 1
    return sorted(found)
