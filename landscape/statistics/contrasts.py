"""Every optimizer against the first, pair by pair: by measure, over all learning rates and for each rank of them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from landscape.statistics.columns import LEARNING_RATE, MISMATCH, Columns
from landscape.statistics.multiple_comparisons import holm
from landscape.statistics.paired_ratio import paired_ratio
from landscape.statistics.pairing import Pair, Pairing
from landscape.statistics.reading import counted

NOT_POSITIVE = "not positive, so without a logarithm"


def contrasts(
    columns: Columns, pairings: Mapping[str, Pairing], measures: Sequence[str], bootstrap: Mapping[str, Any]
) -> list[dict[str, Any]]:
    """Return a row for each other optimizer, measure and pairing; ``p_holm`` is corrected over the measures of one.

    Args:
        columns: The runs' numbers at a stop.
        pairings: What `pairings` returned for the runs.
        measures: Names of measures.
        bootstrap: ``confidence``, ``resamples`` and ``seed``.
    """
    first, rows = columns.optimizers[0] if columns.optimizers else "", []
    for other, (pairs, alone) in pairings.items():
        ends = pair_ends(columns, pairs)
        ranks = [pair.lr_rank for pair in pairs]
        groups = {"all": ends}
        if len(set(ranks)) > 1:
            for rank in sorted(set(ranks), key=repr):
                groups[f"lr_rank {rank}"] = ends[[each == rank for each in ranks]]
        for measure in measures:
            for name, group in groups.items():
                head = {"measure": measure, "numerator": other, "denominator": first, "pairing": name}
                rows.append(head | contrast(columns, group, measure, alone if name == "all" else 0, bootstrap))
    return corrected(rows, ("numerator", "pairing"), lambda row: row["p_value"])


def corrected(
    rows: list[dict[str, Any]], family: Sequence[str], p_value: Callable[[dict[str, Any]], float | None]
) -> list[dict[str, Any]]:
    """Return the rows with ``p_holm``: their p-values corrected over the rows that agree in the keys of a family.

    The learning rate alone is a baseline, no question: it has none.
    """
    families: dict[tuple[Any, ...], list[int]] = {}
    for position, row in enumerate(rows):
        if row["measure"] != LEARNING_RATE:
            families.setdefault(tuple(row[key] for key in family), []).append(position)
    found: list[float | None] = [None] * len(rows)
    for members in families.values():
        for position, p in zip(members, holm([p_value(rows[each]) for each in members]), strict=True):
            found[position] = p
    return [row | {"p_holm": p} for row, p in zip(rows, found, strict=True)]


def pair_ends(columns: Columns, pairs: Sequence[Pair]) -> np.ndarray[Any, Any]:
    """Return the positions of the two runs of each pair, shape ``(pairs, 2)``."""
    index = {id(run): position for position, run in enumerate(columns.runs)}
    ends = [(index[id(pair.numerator)], index[id(pair.denominator)]) for pair in pairs]
    return np.array(ends, dtype=np.intp).reshape(-1, 2)


def contrast(
    columns: Columns, ends: np.ndarray[Any, Any], measure: str, alone: int, bootstrap: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the ratio over some pairs with its interval, how many they are, and what was left out.

    Args:
        columns: The runs' numbers at a stop.
        ends: What `pair_ends` returned, or some of it.
        measure: Name of the measure.
        alone: How many runs have no partner.
        bootstrap: ``confidence``, ``resamples`` and ``seed``.
    """
    values = columns.measures[measure][ends]
    positive = np.isfinite(values).all(axis=1) & (np.where(np.isfinite(values), values, 1.0) > 0).all(axis=1)
    seeds = columns.seed[ends[positive, 0]].tolist()
    result = paired_ratio(values[positive, 0].tolist(), values[positive, 1].tolist(), seeds, **bootstrap)
    problems = [_problem(columns.problems[measure], pair) for pair in ends[~positive].tolist()]
    notes = [
        result.note,
        counted(problems, f"{len(ends)} pairs"),
        f"runs without a partner: {alone}" if alone else "",
    ]
    record = {"pairs": len(seeds), "seeds": len(set(seeds)), "confidence": bootstrap["confidence"], **asdict(result)}
    return record | {"note": "; ".join(note for note in notes if note)}


def _problem(problems: Sequence[str], pair: Sequence[int]) -> str:
    """What keeps a pair out: what was not measured before what does not match."""
    found = sorted((problems[each] for each in pair if problems[each]), key=lambda each: each == MISMATCH)
    return found[0] if found else NOT_POSITIVE
