"""The statistics of a study: contrasts between optimizers, and what each measure has to do with the gap."""

from collections.abc import Mapping, Sequence
from typing import Any

from landscape.errors import UsageError
from landscape.statistics.against_learning_rate import against_learning_rate
from landscape.statistics.by_level import correlations_by_level, ratios_by_level
from landscape.statistics.cluster_bootstrap import Floats
from landscape.statistics.columns import GAPS, LEARNING_RATE, Columns, columns_of, in_order
from landscape.statistics.contrasts import contrasts, corrected
from landscape.statistics.correlations import correlations, partial_correlations
from landscape.statistics.granulated import along_axes, granulated
from landscape.statistics.information import conditional_information, run_pairs
from landscape.statistics.interventions import interventions
from landscape.statistics.pair_matching import pair_matching
from landscape.statistics.pairing import Pairing, pairings
from landscape.statistics.reading import Run, stops
from landscape.statistics.settings_grid import SettingsGrid, settings_grid
from landscape.statistics.sign_error import sign_errors


def relate(
    runs: Sequence[Run],
    measures: Sequence[str],
    optimizers: Sequence[str],
    *,
    confidence: float = 0.95,
    resamples: int = 2000,
    seed: int = 0,
    signs: Mapping[str, int] | None = None,
) -> dict[str, Any]:
    """Return ``{stop: {"ratios": [...], "correlations": [...], ...}}`` for each stop that any run has.

    ``matching`` says how the training losses of each pair compare. ``ratios`` compare every optimizer with the first,
    pair by pair, over all learning rates and for each rank of them, and ``ratios_by_level`` for each level of the
    factors that pairs share. ``correlations_by_level`` are within each data set and network, where there are several.
    All others relate every measure to the gap in loss and in error: ``correlations`` over all runs and within each
    optimizer, ``partial`` ones given what else differs, ``granulated`` ones along each hyper-parameter,
    ``against_learning_rate`` beside the learning rate alone, ``information`` given pairs of hyper-parameters,
    ``sign_errors`` in the worst environment, ``interventions`` where something moves the measure. The learning rate
    alone stands among the measures as ``learning_rate``, where there are several. At a matched loss only runs whose
    training losses do match take part. What is missing, has not converged or has no logarithm is left out and counted
    in ``note``; nothing is filled in.

    Args:
        runs: The ``runs`` of ``report.json``.
        measures: Names of measures.
        optimizers: Names; the first is what the others are compared with.
        confidence: Coverage of every interval.
        resamples: Bootstrap resamples of the seeds.
        seed: Seed of the bootstrap.
        signs: By measure, 1 where larger is sharper and -1 where larger is flatter; 1 where it is not said.

    Raises:
        UsageError: If ``confidence`` or ``resamples`` makes no sense.
    """
    if not 0 < confidence < 1:
        raise UsageError(f"The confidence must lie between 0 and 1, not be {confidence}. Try 0.95.")
    if resamples < 100:
        raise UsageError(f"{resamples} bootstrap resamples are too few for an interval. Try 2000.")
    bootstrap = {"confidence": confidence, "resamples": resamples, "seed": seed}
    kept = in_order(runs, optimizers)
    paired = pairings(kept, optimizers)
    return {stop: _at_stop(kept, paired, stop, measures, optimizers, bootstrap, signs or {}) for stop in stops(runs)}


def _at_stop(
    runs: Sequence[Run],
    paired: Mapping[str, Pairing],
    stop: str,
    measures: Sequence[str],
    optimizers: Sequence[str],
    bootstrap: Mapping[str, Any],
    signs: Mapping[str, int],
) -> dict[str, Any]:
    columns = columns_of(runs, stop, measures, optimizers)
    grid = settings_grid(columns)
    names = list(dict.fromkeys([*measures, *([LEARNING_RATE] if LEARNING_RATE in columns.measures else [])]))
    sharpness = [name for name in names if name != LEARNING_RATE]
    confidence = bootstrap["confidence"]
    return {
        "matching": pair_matching(paired, stop, next(iter(optimizers), "")),
        "ratios": contrasts(columns, paired, measures, bootstrap),
        "ratios_by_level": ratios_by_level(columns, paired, measures, bootstrap),
        "correlations": correlations(columns, names, bootstrap),
        "correlations_by_level": correlations_by_level(columns, sharpness, bootstrap),
        "partial": partial_correlations(columns, sharpness, confidence),
        "granulated": _granulated(columns, grid, names, bootstrap),
        "against_learning_rate": [
            {"measure": measure, "gap": gap, **against_learning_rate(columns, grid, x, y, **bootstrap)}
            for measure, gap, x, y in _pairs_of_columns(columns, sharpness)
        ],
        "information": _information(columns, names, bootstrap),
        "sign_errors": _sign_errors(columns, grid, names, confidence),
        "interventions": interventions(stop, columns, sharpness, signs, bootstrap),
    }


def _pairs_of_columns(columns: Columns, measures: Sequence[str]) -> list[tuple[str, str, Floats, Floats]]:
    return [(measure, gap, columns.measures[measure], columns.gaps[gap]) for measure in measures for gap in GAPS]


def _granulated(
    columns: Columns, grid: SettingsGrid, measures: Sequence[str], bootstrap: Mapping[str, Any]
) -> list[dict[str, Any]]:
    rows = []
    for measure, gap, x, y in _pairs_of_columns(columns, measures):
        for axis, found in granulated(along_axes(grid, x, y), **bootstrap).items():
            rows.append({"measure": measure, "gap": gap, "axis": axis, **found})
    return corrected(rows, ("gap", "axis"), lambda row: row["p_value"])


def _information(columns: Columns, measures: Sequence[str], bootstrap: Mapping[str, Any]) -> list[dict[str, Any]]:
    pairs = run_pairs(columns, bootstrap["seed"])
    return [
        {"measure": measure, "gap": gap, **row}
        for measure, gap, x, y in _pairs_of_columns(columns, measures)
        for row in conditional_information(columns, pairs, x, y, confidence=bootstrap["confidence"])
    ]


def _sign_errors(
    columns: Columns, grid: SettingsGrid, measures: Sequence[str], confidence: float
) -> list[dict[str, Any]]:
    """Unweighted for both gaps, and with Hoeffding's weights for the gap in error, which has bounds."""
    rows = []
    for measure, gap, x, _ in _pairs_of_columns(columns, measures):
        for weighted in (False, True) if gap == "gap_error" else (False,):
            found = sign_errors(columns, grid, x, gap, confidence=confidence, weighted=weighted)
            rows.append({"measure": measure, "gap": gap, "weighted": weighted, **found})
    return rows
