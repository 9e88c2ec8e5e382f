"""Interventions: something is done to the runs; what does it do to a measure, and does the gap follow?"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from landscape.statistics.cluster_bootstrap import Floats, cluster_numbers, resample_counts, seed_error, t_interval
from landscape.statistics.columns import GAPS, GROUNDS, Columns
from landscape.statistics.generalization_gap import finite
from landscape.statistics.paired_ratio import paired_ratio
from landscape.statistics.reading import MOVED, minimum

FOLLOWS, OPPOSITE, UNDECIDED, UNMOVED, STAYS = (
    "the gap follows",
    "the gap goes the other way",
    "undecided",
    "the measure is not moved",
    "the gap stays",
)
SHARPNESS_AWARE = ("sam", "asam")
UNCHANGED = 1e-3
"""Of the gap, relative: less is the same function."""

_KINDS = {"lr": "learning rate", "batch_size": "batch size", "label_noise": "random labels"}
_CONTROL = "label_noise"


def interventions(
    stop: str,
    columns: Columns,
    measures: Sequence[str],
    signs: Mapping[str, int],
    bootstrap: Mapping[str, Any],
) -> list[dict[str, Any]]:
    """Return a row for each thing done, measure and gap: what was moved, by how much, and what the gap did.

    Done to the training: the largest learning rate instead of the smallest, likewise any other hyper-parameter, SAM
    instead of the first other optimizer, random labels (the control: the gap must grow). Each is within one optimizer,
    with all else and the seed fixed; another network or data set is none, for their sharpness is not comparable. Done
    to the minimum, where the study has moved it: a rescaling of neurons, and the balanced point of its orbit, which
    leave the function as it is, so that the gap stays whatever the measure does.

    Args:
        stop: Where the minima are taken.
        columns: The runs and their numbers.
        measures: Names of measures.
        signs: 1 where larger is sharper, -1 where larger is flatter; by measure, 1 where it is not said.
        bootstrap: ``confidence``, ``resamples`` and ``seed``.
    """
    rows = []
    for head, first, second in [*_along_factors(columns), *_sharpness_aware(columns)]:
        seeds = columns.seed[first]
        for measure in measures:
            before, after = columns.measures[measure][first], columns.measures[measure][second]
            moved = _ratio(before, after, seeds, bootstrap)
            there = np.isfinite(before) & np.isfinite(after)
            for gap in GAPS:
                difference = columns.gaps[gap][second] - columns.gaps[gap][first]
                change = _difference(difference[there], seeds[there], bootstrap)
                answer = _answer(moved, change, signs.get(measure, 1))
                rows.append({**head, "measure": measure, "gap": gap, **moved, **change, "answer": answer})
    return [*rows, *_of_minima(stop, columns, measures, bootstrap)]


Done = tuple[dict[str, Any], NDArray[np.intp], NDArray[np.intp]]


def _along_factors(columns: Columns) -> list[Done]:
    """The smallest and the largest level of each hyper-parameter, by optimizer."""
    found = []
    for axis in columns.axes:
        if axis in ("optimizer", *GROUNDS):
            continue
        for index, name in enumerate(columns.optimizers):
            own = np.flatnonzero(columns.optimizer == index)
            levels = columns.axes[axis][own]
            if not len(own) or levels.min() == levels.max():
                continue
            low, high = own[levels == levels.min()], own[levels == levels.max()]
            head = {
                "kind": _KINDS.get(axis, axis.replace("_", " ")),
                "optimizer": name,
                "before": _level(columns, axis, int(levels.min())),
                "after": _level(columns, axis, int(levels.max())),
                "control": axis == _CONTROL,
            }
            found.append((head, *_matched(columns, low, high, axis)))
    return found


def _sharpness_aware(columns: Columns) -> list[Done]:
    """SAM against the first optimizer that is none, learning rates paired by rank."""
    plain = [name for name in columns.optimizers if name not in SHARPNESS_AWARE]
    found = []
    for name in columns.optimizers:
        if name in SHARPNESS_AWARE and plain:
            low, high = (
                np.flatnonzero(columns.optimizer == columns.optimizers.index(each)) for each in (plain[0], name)
            )
            head = {"kind": name.upper(), "optimizer": plain[0], "before": plain[0], "after": name, "control": False}
            found.append((head, *_matched(columns, low, high, "optimizer")))
    return found


def _matched(
    columns: Columns, low: NDArray[np.intp], high: NDArray[np.intp], axis: str
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Runs of the one and of the other that agree in all but an axis, pair by pair."""
    names = [name for name in columns.axes if name != axis]

    def key(run: int) -> tuple[int, ...]:
        return int(columns.seed[run]), *(int(columns.axes[name][run]) for name in names)

    places: dict[tuple[int, ...], list[int]] = {}
    for run in low.tolist():
        places.setdefault(key(run), []).append(run)
    partners: dict[tuple[int, ...], list[int]] = {}
    for run in high.tolist():
        partners.setdefault(key(run), []).append(run)
    pairs = [
        (own[0], partners[place][0])
        for place, own in places.items()
        if len(own) == 1 and len(partners.get(place, [])) == 1
    ]
    ends = np.array(pairs, dtype=np.intp).reshape(-1, 2)
    return ends[:, 0], ends[:, 1]


def _level(columns: Columns, axis: str, index: int) -> str:
    value = columns.levels[axis][index]
    return f"no. {value + 1}" if axis == "lr" and isinstance(value, int) else str(value)


def _ratio(before: Floats, after: Floats, seeds: NDArray[np.intp], bootstrap: Mapping[str, Any]) -> dict[str, Any]:
    """By what factor a measure was moved."""
    kept = (np.nan_to_num(before) > 0) & (np.nan_to_num(after) > 0)
    found = paired_ratio(after[kept].tolist(), before[kept].tolist(), seeds[kept].tolist(), **bootstrap)
    note = found.note + ("; " if found.note and not kept.all() else "")
    if not kept.all():
        note += f"left out: {int((~kept).sum())} of {len(kept)} pairs, not measured or not positive"
    return {
        "pairs": int(kept.sum()),
        "seeds": len(set(seeds[kept].tolist())),
        "ratio": found.ratio,
        "ratio_low": found.low,
        "ratio_high": found.high,
        "confidence": bootstrap["confidence"],
        "note": note,
    }


def _difference(difference: Floats, seeds: NDArray[np.intp], bootstrap: Mapping[str, Any]) -> dict[str, Any]:
    """What the gap did, in the pairs that have the measure."""
    there = np.isfinite(difference)
    difference, seeds = difference[there], seeds[there]
    nothing = {"gap_change": None, "gap_low": None, "gap_high": None}
    if not len(difference):
        return nothing
    clusters = cluster_numbers(seeds)
    sizes, sums = np.bincount(clusters).astype(np.float64), np.bincount(clusters, difference)
    counts = resample_counts(len(sizes), bootstrap["resamples"], bootstrap["seed"])
    error = seed_error((counts @ sums) / (counts @ sizes), len(sizes))
    value = float(difference.mean())
    if error.value is None:
        return nothing | {"gap_change": value}
    low, high, _ = t_interval(value, error.value, len(sizes), bootstrap["confidence"])
    return {"gap_change": value, "gap_low": low, "gap_high": high}


def _answer(moved: Mapping[str, Any], change: Mapping[str, Any], sign: int) -> str:
    if moved["ratio_low"] is None:
        return UNDECIDED
    way = int(moved["ratio_low"] > 1) - int(moved["ratio_high"] < 1)
    if way == 0:
        return UNMOVED
    if change["gap_low"] is None:
        return UNDECIDED
    gap = int(change["gap_low"] > 0) - int(change["gap_high"] < 0)
    if gap == 0:
        return UNDECIDED
    return FOLLOWS if gap == way * sign else OPPOSITE


def _of_minima(
    stop: str, columns: Columns, measures: Sequence[str], bootstrap: Mapping[str, Any]
) -> list[dict[str, Any]]:
    """What moving the minimum itself did, function unchanged, by optimizer."""
    stored = [(minimum(run, stop) or {}).get(MOVED) or {} for run in columns.runs]
    rows = []
    for kind in dict.fromkeys(name for each in stored for name in each):
        for index, name in enumerate(columns.optimizers):
            own = np.flatnonzero(columns.optimizer == index)
            points = [stored[run].get(kind) or {} for run in own]
            if not any(points):
                continue
            head = {"kind": kind, "optimizer": name, "before": "as trained", "after": kind, "control": False}
            for measure in measures:
                after = np.array([_converged(point, measure) for point in points])
                moved = _ratio(columns.measures[measure][own], after, columns.seed[own], bootstrap)
                for gap in GAPS:
                    before_gap = columns.gaps[gap][own]
                    after_gap = np.array([_number(point.get(gap)) for point in points])
                    change = _difference(after_gap - before_gap, columns.seed[own], bootstrap)
                    answer = _stays(moved, after_gap - before_gap, before_gap)
                    rows.append({**head, "measure": measure, "gap": gap, **moved, **change, "answer": answer})
    return rows


def _stays(moved: Mapping[str, Any], change: Floats, before: Floats) -> str:
    there = np.isfinite(change) & np.isfinite(before)
    if moved["ratio"] is None or not there.any():
        return UNDECIDED
    if bool((np.abs(change[there]) > UNCHANGED * np.maximum(np.abs(before[there]), 1e-12)).any()):
        return UNDECIDED
    way = moved["ratio_low"] is not None and (moved["ratio_low"] > 1 or moved["ratio_high"] < 1)
    return STAYS if way or abs(moved["ratio"] - 1) > UNCHANGED else UNMOVED


def _converged(point: Mapping[str, Any], measure: str) -> float:
    row = (point.get("measurements") or {}).get(measure) or {}
    return _number(row.get("value")) if row.get("converged") else float("nan")


def _number(value: object) -> float:
    found = finite(value)
    return float("nan") if found is None else found
