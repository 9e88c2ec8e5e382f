"""The statistics of a study: ratios between optimizers, and correlations of sharpness with the gap."""

from collections.abc import Hashable, Sequence
from dataclasses import asdict
from typing import Any

from landscape.errors import UsageError
from landscape.statistics.generalization_gap import finite
from landscape.statistics.matched_loss import TOLERANCE, comparable
from landscape.statistics.paired_ratio import paired_ratio
from landscape.statistics.pairing import Pair, find_pairs
from landscape.statistics.rank_correlation import kendall, spearman
from landscape.statistics.reading import Reading, Run, counted, minimum, read_measure, stops

GAPS = ("gap_loss", "gap_error")

_MISMATCH = f"training loss more than {100 * TOLERANCE:.0f} % from the target"


def relate(
    runs: Sequence[Run],
    measures: Sequence[str],
    optimizers: Sequence[str],
    *,
    confidence: float = 0.95,
    resamples: int = 2000,
    seed: int = 0,
) -> dict[str, Any]:
    """Return ``{stop: {"ratios": [...], "correlations": [...]}}`` for each stop that any run has.

    Ratios compare every optimizer with the first, pair by pair, over all learning rates and for each rank of them.
    Correlations are of every measure with the gap in loss and in error, over all runs and within each optimizer.
    At the matched stop only runs whose training losses do match take part. What is missing, has not converged
    or has no logarithm is left out and counted in ``note``; nothing is ever filled in.

    Args:
        runs: The ``runs`` of ``report.json``.
        measures: Names of measures.
        optimizers: Names; the first is what the others are compared with.
        confidence: Coverage of every interval.
        resamples: Bootstrap resamples of the seeds.
        seed: Seed of the bootstrap.

    Raises:
        UsageError: If ``confidence`` or ``resamples`` makes no sense.
    """
    if not 0 < confidence < 1:
        raise UsageError(f"The confidence must lie between 0 and 1, not be {confidence}. Try 0.95.")
    if resamples < 100:
        raise UsageError(f"{resamples} bootstrap resamples are too few for an interval. Try 2000.")
    bootstrap = {"confidence": confidence, "resamples": resamples, "seed": seed}
    return {
        stop: {
            "ratios": _ratios(runs, stop, measures, optimizers, bootstrap),
            "correlations": _correlations(runs, stop, measures, optimizers, bootstrap),
        }
        for stop in stops(runs)
    }


def _ratios(
    runs: Sequence[Run], stop: str, measures: Sequence[str], optimizers: Sequence[str], bootstrap: dict[str, Any]
) -> list[dict[str, Any]]:
    rows = []
    for other in optimizers[1:]:
        pairs, alone = find_pairs(runs, other, optimizers[0])
        ranks = sorted({pair.lr_rank for pair in pairs}, key=repr)
        groups = {"all": pairs}
        if len(ranks) > 1:
            groups |= {f"lr_rank {rank}": [pair for pair in pairs if pair.lr_rank == rank] for rank in ranks}
        for measure in measures:
            for name, group in groups.items():
                head = {"measure": measure, "numerator": other, "denominator": optimizers[0], "pairing": name}
                rows.append(head | _ratio(group, stop, measure, alone if name == "all" else 0, bootstrap))
    return rows


def _ratio(pairs: list[Pair], stop: str, measure: str, alone: int, bootstrap: dict[str, Any]) -> dict[str, Any]:
    readings = [(pair, *_pair_values(pair, stop, measure)) for pair in pairs]
    kept = [(pair, above, below) for pair, above, below, _ in readings if above is not None and below is not None]
    seeds: list[Hashable] = [pair.seed for pair, _, _ in kept]
    result = paired_ratio([above for _, above, _ in kept], [below for _, _, below in kept], seeds, **bootstrap)
    notes = [
        result.note,
        counted((problem for _, _, _, problem in readings if problem), f"{len(pairs)} pairs"),
        f"runs without a partner: {alone}" if alone else "",
    ]
    record = {"pairs": len(kept), "seeds": len(set(seeds)), "confidence": bootstrap["confidence"], **asdict(result)}
    return record | {"note": "; ".join(note for note in notes if note)}


def _pair_values(pair: Pair, stop: str, measure: str) -> tuple[float | None, float | None, str]:
    above, below = (read_measure(run, stop, measure) for run in (pair.numerator, pair.denominator))
    problem = above.problem or below.problem
    if not problem and not (comparable(pair.numerator, stop) and comparable(pair.denominator, stop)):
        problem = _MISMATCH
    if not problem and min(above.value or 0, below.value or 0) <= 0:
        problem = "not positive, so without a logarithm"
    return (None, None, problem) if problem else (above.value, below.value, "")


def _correlations(
    runs: Sequence[Run], stop: str, measures: Sequence[str], optimizers: Sequence[str], bootstrap: dict[str, Any]
) -> list[dict[str, Any]]:
    groups = {"all": [run for run in runs if run["optimizer"] in optimizers]}
    groups |= {name: [run for run in runs if run["optimizer"] == name] for name in optimizers}
    return [
        {"measure": measure, "gap": gap, "group": name, **_correlation(group, stop, measure, gap, bootstrap)}
        for measure in measures
        for gap in GAPS
        for name, group in groups.items()
    ]


def _correlation(runs: list[Run], stop: str, measure: str, gap: str, bootstrap: dict[str, Any]) -> dict[str, Any]:
    readings = [(run, _run_value(run, stop, measure, gap)) for run in runs]
    kept = [(run, reading.value) for run, reading in readings if reading.value is not None]
    x = [value for _, value in kept]
    y = [float((minimum(run, stop) or {})[gap]) for run, _ in kept]
    seeds: list[Hashable] = [run.get("seed") for run, _ in kept]
    tau, rho = kendall(x, y, seeds, **bootstrap), spearman(x, y, seeds, **bootstrap)
    left_out = counted((reading.problem for _, reading in readings if reading.problem), f"{len(runs)} runs")
    notes = dict.fromkeys(note for note in (tau.note, rho.note, left_out) if note)
    return {
        "runs": len(kept),
        "seeds": len(set(seeds)),
        "kendall": {key: value for key, value in asdict(tau).items() if key != "note"},
        "spearman": {key: value for key, value in asdict(rho).items() if key != "note"},
        "confidence": bootstrap["confidence"],
        "note": "; ".join(notes),
    }


def _run_value(run: Run, stop: str, measure: str, gap: str) -> Reading:
    """The measure of one run, or why the run cannot take part."""
    reading = read_measure(run, stop, measure)
    if reading.value is None:
        return reading
    if not comparable(run, stop):
        return Reading(None, _MISMATCH)
    if finite((minimum(run, stop) or {}).get(gap)) is None:
        return Reading(None, "no generalization gap")
    return reading
