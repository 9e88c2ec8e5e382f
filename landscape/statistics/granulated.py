"""The granulated rank correlation: along one hyper-parameter at a time, all others fixed."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from landscape.statistics.bounded_interval import share_interval
from landscape.statistics.cluster_bootstrap import Floats, resample_counts, seed_error, t_interval
from landscape.statistics.settings_grid import SettingsGrid

MEAN = "mean"
"""The name of the mean over axes among them."""


@dataclass(frozen=True)
class Along:
    """The coefficients along one axis, by seed.

    Attributes:
        sums: Sum of the coefficients of the strata of each seed, shape ``(seeds,)``.
        strata: How many each seed has.
        note: Why there is none.
    """

    sums: Floats
    strata: Floats
    note: str = ""


def along_axes(grid: SettingsGrid, x: Floats, y: Floats) -> dict[str, Along]:
    r"""Return, by axis, Kendall's coefficients of two columns along it, each with all else fixed, the seed too.

    The coefficient of a stratum is $\frac{1}{|T|(|T|-1)}\sum_{i \ne j} s^x_{ij} s^y_{ij}$, as Jiang et al. define it:
    pairs tied in one column count as nothing, where $\tau_b$ would leave them out. What is missing leaves its pairs
    out.

    Args:
        grid: Whose runs.
        x: One number for each run, NaN where missing.
        y: Likewise.

    Returns:
        An entry for each axis; where nothing varies, one for the mean, which is undefined.
    """
    by_setting = grid.values(x), grid.values(y)
    sign_x, sign_y = (np.sign(each[grid.second] - each[grid.first]) for each in by_setting)
    product = sign_x * sign_y
    there = np.isfinite(product)
    seeds = grid.table.shape[1]
    found = {}
    counts = _by_stratum(grid, there.astype(np.float64))
    sums = _by_stratum(grid, np.where(there, product, 0.0))
    tau = np.divide(sums, counts, out=np.zeros_like(sums), where=counts > 0)
    axis_of_pair = grid.axis[grid.stratum] if len(grid.stratum) else grid.stratum
    for index, name in enumerate(grid.axes):
        own = grid.axis == index
        pairs = axis_of_pair == index
        strata = (counts[own] > 0).sum(axis=0).astype(np.float64)
        note = ""
        if not strata.any():
            note = "undefined: no two runs differ in this alone"
        elif not all((np.where(there[pairs], sign[pairs], 0.0) != 0).any() for sign in (sign_x, sign_y)):
            note = "undefined: the same value all along"
        found[name] = Along(tau[own].sum(axis=0), strata, note)
    return found or {MEAN: Along(np.zeros(seeds), np.zeros(seeds), "undefined: nothing but the seed varies")}


def granulated(along: dict[str, Along], *, confidence: float, resamples: int, seed: int) -> dict[str, dict[str, Any]]:
    r"""Return $\psi$ of each axis and their mean $\Psi$ (``"mean"``), each with its interval over seeds.

    Args:
        along: What `along_axes` returned.
        confidence: Coverage of the intervals.
        resamples: Number of bootstrap resamples.
        seed: Seed of the bootstrap.

    References:
        Jiang, Neyshabur, Mobahi, Krishnan, Bengio (2020), Fantastic generalization measures and where to find them,
        equations (2) to (4).
    """
    defined = {name: each for name, each in along.items() if not each.note}
    if not defined:
        return {name: _nothing(each.note) for name, each in along.items()} | {
            MEAN: _nothing("undefined: along no axis")
        }
    seeds = len(next(iter(defined.values())).sums)
    counts = resample_counts(seeds, resamples, seed)
    replicates = {name: _quotient(counts @ each.sums, counts @ each.strata) for name, each in defined.items()}
    values = {name: float(each.sums.sum() / each.strata.sum()) for name, each in defined.items()}
    found = {}
    for name, each in along.items():
        if each.note:
            found[name] = _nothing(each.note)
            continue
        by_seed = _quotient(each.sums, each.strata)
        found[name] = _interval(values[name], replicates[name], by_seed, confidence)
        found[name] |= {"strata": int(each.strata.sum()), "seeds": int((each.strata > 0).sum())}
    mean = float(np.mean(list(values.values())))
    by_seed = np.mean([_quotient(each.sums, each.strata) for each in defined.values()], axis=0)
    whole = _interval(mean, np.mean(list(replicates.values()), axis=0), by_seed, confidence)
    left_out = [name for name in along if name not in defined]
    note = "; ".join(part for part in (whole["note"], f"without {', '.join(left_out)}" if left_out else "") if part)
    found[MEAN] = whole | {
        "strata": sum(int(each.strata.sum()) for each in defined.values()), "seeds": seeds, "note": note
    }  # fmt: skip
    return found


def _interval(value: float, replicates: Floats, by_seed: Floats, confidence: float) -> dict[str, Any]:
    """The value with its interval over seeds; where these agree to the last, each counts as one trial."""
    there = by_seed[np.isfinite(by_seed)]
    error = seed_error(replicates, len(there))
    if error.value is not None:
        low, high, p_value = t_interval(value, error.value, len(there), confidence)
        return {"value": value, "low": max(low, -1.0), "high": min(high, 1.0), "p_value": p_value, "note": ""}
    found = share_interval((1 + there) / 2, confidence)
    if found is None:
        return {"value": value, "low": None, "high": None, "p_value": None, "note": error.note}
    note = "every seed gave the same: an interval that takes each as one trial"
    return {"value": value, "low": 2 * found[0] - 1, "high": 2 * found[1] - 1, "p_value": found[2], "note": note}


def _nothing(note: str) -> dict[str, Any]:
    return {"value": None, "low": None, "high": None, "p_value": None, "note": note, "strata": 0, "seeds": 0}


def _by_stratum(grid: SettingsGrid, pairs: Floats) -> Floats:
    """Sums over the pairs of each stratum, shape ``(strata, seeds)``."""
    if not len(grid.stratum):
        return np.zeros((0, grid.table.shape[1]))
    starts = np.flatnonzero(np.diff(grid.stratum, prepend=-1))
    sums: Floats = np.add.reduceat(pairs, starts, axis=0)
    return sums


def _quotient(sums: Floats, counts: Floats) -> Floats:
    quotient: Floats = np.divide(sums, counts, out=np.full(np.shape(sums), np.nan), where=counts > 0)
    return quotient
