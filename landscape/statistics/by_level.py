"""The same statistics level by level of a factor: what holds over two networks may hold for one alone, or for neither.

Two networks whose ratios are 0.8 and 1.2 have about 1 between them, and more seeds only make that surer; and where one
network has both the sharper minima and the larger gap, the two go together over all runs though within neither.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from landscape.statistics.columns import GAPS, GROUNDS, Columns
from landscape.statistics.contrasts import contrast, corrected, pair_ends
from landscape.statistics.correlations import correlation
from landscape.statistics.pairing import Pairing, is_shared


def ratios_by_level(
    columns: Columns, pairings: Mapping[str, Pairing], measures: Sequence[str], bootstrap: Mapping[str, Any]
) -> list[dict[str, Any]]:
    """Return a row for each other optimizer, measure, factor that pairs share, and level of it.

    ``p_holm`` is corrected over the levels of one factor.

    Args:
        columns: The runs' numbers at a stop.
        pairings: What `pairings` returned for the runs.
        measures: Names of measures.
        bootstrap: ``confidence``, ``resamples`` and ``seed``.
    """
    factors = [axis for axis in columns.axes if is_shared(axis)]
    first, rows = columns.optimizers[0] if columns.optimizers else "", []
    for other, (pairs, _) in pairings.items():
        ends = pair_ends(columns, pairs)
        for factor in factors:
            code = columns.axes[factor][ends[:, 0]]
            for measure in measures:
                for index, level in enumerate(columns.levels[factor]):
                    head = {"measure": measure, "numerator": other, "denominator": first}
                    head |= {"factor": factor, "level": str(level)}
                    rows.append(head | contrast(columns, ends[code == index], measure, 0, bootstrap))
    return corrected(rows, ("numerator", "measure", "factor"), lambda row: row["p_value"])


def correlations_by_level(
    columns: Columns, measures: Sequence[str], bootstrap: Mapping[str, Any]
) -> list[dict[str, Any]]:
    """Return the rank correlations with the gaps within each data set and each network, where there are several.

    Args:
        columns: The runs at a stop.
        measures: Names of measures.
        bootstrap: ``confidence``, ``resamples`` and ``seed``.
    """
    return [
        {"measure": measure, "gap": gap, "factor": factor, "level": level, "group": level}
        | correlation(columns, members, measure, gap, bootstrap)
        for measure in measures
        for gap in GAPS
        for factor, level, members in _grounds(columns)
    ]


def _grounds(columns: Columns) -> Iterator[tuple[str, str, np.ndarray[Any, Any]]]:
    for factor in GROUNDS:
        for index, level in enumerate(columns.levels.get(factor, ())):
            yield factor, str(level), columns.axes[factor] == index
