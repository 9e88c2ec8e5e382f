"""What the order of a measure tells of the order of the gap, once two hyper-parameters are known."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import entr

from landscape.randomness import derive_seed
from landscape.statistics.cluster_bootstrap import Floats
from landscape.statistics.cluster_jackknife import jackknife_interval
from landscape.statistics.columns import Columns

LEAST = "least"
"""The name of the least over what is given: Jiang's K."""

MOST_PAIRS = 100_000
"""Up to so many pairs of runs are all taken, of more a random sample: it leaves a share of them known to 0.0016."""

Indices = NDArray[np.intp]


@dataclass(frozen=True)
class Strata:
    """The values that two runs have of some hyper-parameters, in either order, as numbers of strata.

    Attributes:
        number: Stratum of each pair, shape ``(pairs,)``.
        swap: Whether the second run of a pair stands first in its stratum, likewise.
        alike: Whether both runs of a stratum have the same values, shape ``(strata,)``.
    """

    number: Indices
    swap: NDArray[np.bool_]
    alike: NDArray[np.bool_]


@dataclass(frozen=True)
class RunPairs:
    """Pairs of runs.

    Attributes:
        first: Index of a run, shape ``(pairs,)``.
        second: Of another.
        sampled: Whether these are some of all.
        strata: By the names of each two hyper-parameters, or of the one that there is.
    """

    first: Indices
    second: Indices
    sampled: bool
    strata: Mapping[tuple[str, ...], Strata]


def run_pairs(columns: Columns, seed: int) -> RunPairs:
    """Return all pairs of the runs, or a random sample of them."""
    runs = columns.size
    sampled = runs * (runs - 1) // 2 > MOST_PAIRS
    if sampled:
        generator = np.random.default_rng(derive_seed(seed, "pairs of runs", runs))
        first = generator.integers(runs, size=MOST_PAIRS)
        second = (first + generator.integers(1, runs, size=MOST_PAIRS)) % runs
    else:
        first, second = np.triu_indices(runs, 1)
    size = min(2, len(columns.axes))
    strata = {given: _strata(columns, first, second, given) for given in combinations(columns.axes, size)}
    return RunPairs(first, second, sampled, strata)


def _strata(columns: Columns, first: Indices, second: Indices, given: tuple[str, ...]) -> Strata:
    cell = np.zeros(columns.size, dtype=np.intp)
    for name in given:
        cell = cell * len(columns.levels[name]) + columns.axes[name]
    one, other = cell[first], cell[second]
    swap = one > other
    cells = int(cell.max(initial=0)) + 1
    key = np.where(swap, other, one) * cells + np.where(swap, one, other)
    dense = np.cumsum(np.bincount(key, minlength=1) > 0) - 1
    number = dense[key]
    alike = np.zeros(int(dense[-1]) + 1, dtype=bool)
    alike[number[one == other]] = True
    return Strata(number, swap, alike)


def conditional_information(
    columns: Columns, pairs: RunPairs, x: Floats, y: Floats, *, confidence: float
) -> list[dict[str, Any]]:
    r"""Return $\hat I(V_x; V_y | U_S)$ for each pair S of hyper-parameters, and their least, each with its interval.

    $V_x$ is the sign of $x_i - x_j$ for a random pair of runs and $U_S$ the values that the two have of the
    hyper-parameters in S; $\hat I = I(V_x; V_y | U_S) / H(V_y | U_S)$ lies between 0 and 1. Pairs that tie in one of
    the columns are left out. With fewer than two hyper-parameters S is what there is. Small strata make it too large:
    of two signs over m pairs, information of about $1/(2m \ln 2)$ bits is chance.

    Args:
        columns: The runs.
        pairs: Of these runs.
        x: One number for each run, NaN where missing.
        y: Likewise.
        confidence: Coverage of the intervals, which leave out one seed at a time.

    Example: for a bivariate normal pair with correlation r and nothing given, 1 minus the entropy in bits of
    $\tfrac12 + \arcsin(r)/\pi$.

    References:
        Jiang, Neyshabur, Mobahi, Krishnan, Bengio (2020), Fantastic generalization measures and where to find them,
        equations (8) to (10).
    """
    sign_x, sign_y = (np.sign(each[pairs.first] - each[pairs.second]) for each in (x, y))
    kept = np.flatnonzero(np.isfinite(sign_x) & np.isfinite(sign_y) & (sign_x != 0) & (sign_y != 0))
    signs = sign_x[kept] > 0, sign_y[kept] > 0
    seeds = columns.seed[pairs.first[kept]], columns.seed[pairs.second[kept]]
    found = {
        given: _normalised(*_tables(strata, kept, signs, seeds, columns.seeds))
        for given, strata in pairs.strata.items()
    }
    rows = [_row(list(given), each, columns.seeds, confidence, pairs.sampled) for given, each in found.items()]
    defined = [each for each in found.values() if np.isfinite(each[0])]
    # without a seed another pair may be the least: the selection is part of the statistic
    least = np.min(defined, axis=0) if defined else np.full(columns.seeds + 1, np.nan)
    return [*rows, _row([LEAST], least, columns.seeds, confidence, pairs.sampled)]


def _row(given: list[str], values: Floats, seeds: int, confidence: float, sampled: bool) -> dict[str, Any]:
    if not np.isfinite(values[0]):
        nothing = {"value": None, "low": None, "high": None, "note": "undefined: no two runs differ in both"}
        return {"given": given, **nothing}
    found = jackknife_interval(float(values[0]), values[1:], seeds, confidence, (0.0, 1.0))
    # it is never below zero, so whether zero lies in the interval is no test
    del found["p_value"]
    note = f"of {MOST_PAIRS} pairs of runs drawn at random" if sampled else ""
    return {"given": given, **found, "note": "; ".join(part for part in (str(found["note"]), note) if part)}


def _tables(
    strata: Strata,
    kept: Indices,
    signs: tuple[NDArray[np.bool_], NDArray[np.bool_]],
    seeds: tuple[Indices, Indices],
    count: int,
) -> tuple[Floats, Floats]:
    """Counts of the four outcomes by stratum, ``(strata, 4)``, and without each seed, ``(seeds, strata, 4)``."""
    swap = strata.swap[kept]
    up_x, up_y = (sign ^ swap for sign in signs)
    size = 4 * len(strata.alike)
    outcome = strata.number[kept] * 4 + 2 * up_x + up_y
    # pairs by the two seeds; a pair of one seed is among those with it once
    one, other = (np.bincount(each * size + outcome, minlength=count * size) for each in seeds)
    same = seeds[0] == seeds[1]
    both = np.bincount(seeds[0][same] * size + outcome[same], minlength=count * size)
    one = one.reshape(count, size)
    whole = one.sum(0).astype(np.float64)
    left = whole - (one + (other - both).reshape(count, size))
    shape = (len(strata.alike), 4)
    return _symmetric(whole.reshape(shape), strata.alike), _symmetric(left.reshape(count, *shape), strata.alike)


def _symmetric(tables: Floats, alike: NDArray[np.bool_]) -> Floats:
    """Where both runs have the same values, either may be called the first: each pair counts half in both orders."""
    mirrored = (tables + tables[..., ::-1]) / 2
    return np.where(alike[:, None], mirrored, tables)


def _normalised(whole: Floats, left: Floats) -> Floats:
    """The information over the entropy, of all pairs and then without each seed, shape ``(1 + seeds,)``."""
    tables = np.concatenate([whole[None], left])
    total = tables.sum((-1, -2))
    joint = np.divide(tables, total[:, None, None], out=np.zeros_like(tables), where=total[:, None, None] > 0)
    joint = joint.reshape(*joint.shape[:-1], 2, 2)
    weight, over_y, over_x = joint.sum((-1, -2)), joint.sum(-1), joint.sum(-2)
    # entropies of all strata at once: sum p log p of the joint less that of the strata
    of_strata = entr(weight).sum(-1)
    h_x, h_y = entr(over_y).sum((-1, -2)) - of_strata, entr(over_x).sum((-1, -2)) - of_strata
    h_both = entr(joint).sum((-1, -2, -3)) - of_strata
    information = np.maximum(h_x + h_y - h_both, 0.0)
    found: Floats = np.divide(information, h_y, out=np.full_like(h_y, np.nan), where=h_y > 1e-9)
    return found
