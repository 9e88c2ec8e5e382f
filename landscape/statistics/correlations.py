"""Rank correlations of every measure with the gap: over all runs, by optimizer, and given what else differs."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from landscape.statistics.cluster_bootstrap import Floats
from landscape.statistics.columns import GAPS, GROUNDS, LEARNING_RATE, Columns
from landscape.statistics.contrasts import corrected
from landscape.statistics.partial_correlation import partial_correlation
from landscape.statistics.rank_correlation import kendall, spearman
from landscape.statistics.reading import counted

ALL_GIVEN = "all"
NO_GAP = "no generalization gap"
_GIVEN = ("weight_norm", "margin")


def correlations(columns: Columns, measures: Sequence[str], bootstrap: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return Kendall's and Spearman's coefficients with the gap in loss and in error, by group of runs.

    ``p_holm`` corrects Kendall's p-value over the measures of one group and gap.

    Args:
        columns: The runs at a stop.
        measures: Names of measures.
        bootstrap: ``confidence``, ``resamples`` and ``seed``.
    """
    groups = columns.groups()
    rows = [
        {"measure": measure, "gap": gap, "group": name, **correlation(columns, members, measure, gap, bootstrap)}
        for measure in measures
        for gap in GAPS
        for name, members in groups.items()
    ]
    return corrected(rows, ("gap", "group"), lambda row: row["kendall"]["p_value"])


def correlation(
    columns: Columns, members: np.ndarray[Any, Any], measure: str, gap: str, bootstrap: Mapping[str, Any]
) -> dict[str, Any]:
    """Return both coefficients of a measure with a gap over some runs, how many they are, and what was left out.

    Args:
        columns: The runs at a stop.
        members: Which of them, shape ``(n,)``.
        measure: Name of the measure.
        gap: Name of the gap.
        bootstrap: ``confidence``, ``resamples`` and ``seed``.
    """
    x, y = columns.measures[measure], columns.gaps[gap]
    kept = members & np.isfinite(x) & np.isfinite(y)
    seeds = columns.seed[kept].tolist()
    tau, rho = (each(x[kept], y[kept], seeds, **bootstrap) for each in (kendall, spearman))
    problems = [columns.problems[measure][each] or NO_GAP for each in np.flatnonzero(members & ~kept)]
    left_out = counted(problems, f"{int(members.sum())} runs")
    notes = dict.fromkeys(note for note in (tau.note, rho.note, left_out) if note)
    return {
        "runs": len(seeds),
        "seeds": len(set(seeds)),
        "kendall": {key: value for key, value in asdict(tau).items() if key != "note"},
        "spearman": {key: value for key, value in asdict(rho).items() if key != "note"},
        "confidence": bootstrap["confidence"],
        "note": "; ".join(notes),
    }


def partial_correlations(columns: Columns, measures: Sequence[str], confidence: float) -> list[dict[str, Any]]:
    """Return partial rank correlations with the gaps, given one thing at a time and all of them together.

    Given are the learning rate (its rank among the optimizer's own), the training loss at the minimum, the weight norm
    and the margin, as far as the study has them; the data set and the network, where there are several, are always
    given too, and over all runs the optimizer.

    Args:
        columns: The runs at a stop.
        measures: Names of measures.
        confidence: Coverage of the intervals.
    """
    given: dict[str, Floats] = {LEARNING_RATE: columns.measures[LEARNING_RATE]} if "lr" in columns.axes else {}
    given |= {"train_loss": columns.train_loss}
    given |= {name: columns.measures[name] for name in _GIVEN if name in columns.measures}
    rows = []
    for measure in measures:
        usable = {name: column for name, column in given.items() if name != measure}
        sets = {name: [column] for name, column in usable.items()}
        if len(usable) > 1:
            sets[ALL_GIVEN] = list(usable.values())
        for gap in GAPS:
            for group, members in columns.groups().items():
                for name, chosen in sets.items():
                    head = {"measure": measure, "gap": gap, "group": group, "given": name}
                    rows.append(head | _partial(columns, members, measure, gap, chosen, confidence, group == "all"))
    return rows


def _partial(
    columns: Columns,
    members: np.ndarray[Any, Any],
    measure: str,
    gap: str,
    given: list[Floats],
    confidence: float,
    optimizer_too: bool,
) -> dict[str, Any]:
    x, y = columns.measures[measure], columns.gaps[gap]
    kept = members & np.isfinite(x) & np.isfinite(y)
    for column in given:
        kept = kept & np.isfinite(column)
    own = [column[kept] for column in given if np.ptp(column[kept]) > 0] if kept.any() else []
    if not own:
        nothing = {"value": None, "low": None, "high": None, "p_value": None}
        return {"runs": int(kept.sum()), **nothing, "note": "undefined: what is given is the same for all runs"}
    kinds = [columns.axes[name] for name in GROUNDS if name in columns.axes]
    for kind in [*kinds, *([columns.optimizer] if optimizer_too else [])]:
        own += [(kind[kept] == each).astype(np.float64) for each in np.unique(kind[kept])[1:]]
    found = partial_correlation(x[kept], y[kept], own, columns.seed[kept], confidence=confidence)
    return {"runs": int(kept.sum()), **found}
