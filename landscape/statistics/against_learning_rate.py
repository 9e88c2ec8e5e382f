"""Does a measure order runs along the learning rate better than the learning rate itself does?"""

from typing import Any

import numpy as np

from landscape.statistics.cluster_bootstrap import Floats, resample_counts, seed_error, t_interval
from landscape.statistics.columns import LEARNING_RATE, Columns
from landscape.statistics.granulated import along_axes
from landscape.statistics.settings_grid import SettingsGrid

BEATS, LOSES, UNDECIDED = "beats it", "is beaten", "undecided"


def against_learning_rate(
    columns: Columns, grid: SettingsGrid, x: Floats, y: Floats, *, confidence: float, resamples: int, seed: int
) -> dict[str, Any]:
    r"""Return $|\psi_{lr}(x)| - |\psi_{lr}(\mathrm{lr})|$ with its interval over seeds.

    Both coefficients are along the learning rate with all else fixed, over the same pairs of runs, in which the
    learning rate has no ties: a baseline that costs nothing. Absolute values, since neither has a sign of its own.

    Args:
        columns: The runs.
        grid: Their settings.
        x: The measure of each run, NaN where missing.
        y: The gap of each run, likewise.
        confidence: Coverage of the interval.
        resamples: Number of bootstrap resamples.
        seed: Seed of the bootstrap.

    Returns:
        ``measure_psi learning_rate_psi value low high p_value answer note``.
    """
    nothing: dict[str, Any] = dict.fromkeys(("measure_psi", "learning_rate_psi", "value", "low", "high", "p_value"))
    nothing["answer"] = UNDECIDED
    if LEARNING_RATE not in columns.measures:
        return nothing | {"note": "undefined: every optimizer has one learning rate"}
    rate = np.where(np.isfinite(x), columns.measures[LEARNING_RATE], np.nan)
    both = [along_axes(grid, column, y)["lr"] for column in (x, rate)]
    note = both[0].note or both[1].note
    if note:
        return nothing | {"note": note}
    psi = [float(each.sums.sum() / each.strata.sum()) for each in both]
    found = nothing | {"measure_psi": psi[0], "learning_rate_psi": psi[1], "value": abs(psi[0]) - abs(psi[1])}
    counts = resample_counts(len(both[0].sums), resamples, seed)
    strata = counts @ both[0].strata
    replicates = [
        np.divide(counts @ each.sums, strata, out=np.full(len(counts), np.nan), where=strata > 0) for each in both
    ]
    seeds = int((both[0].strata > 0).sum())
    error = seed_error(np.abs(replicates[0]) - np.abs(replicates[1]), seeds)
    if error.value is None:
        return found | {"note": error.note}
    low, high, p_value = t_interval(found["value"], error.value, seeds, confidence)
    answer = BEATS if low > 0 else LOSES if high < 0 else UNDECIDED
    return found | {"low": low, "high": high, "p_value": p_value, "answer": answer, "note": ""}
