"""The answer of a study: two plain sentences, what the rows say beyond, and what stands behind them."""

from collections.abc import Mapping, Sequence
from typing import Any

from landscape.statistics.best_learning_rate import edges
from landscape.statistics.beyond_sentences import beyond_sentences
from landscape.statistics.caveats import (
    about_best_learning_rate,
    about_gap_in_error,
    about_intervals,
    about_learning_rate,
    about_matching,
    about_measurements,
    about_measures,
)
from landscape.statistics.explains import associate
from landscape.statistics.explains_sentence import explains_sentence
from landscape.statistics.level_sentences import about_levels
from landscape.statistics.meaning import meaning
from landscape.statistics.primary_sentence import EXPLORATORY, about_primary, primary_sentence
from landscape.statistics.reading import Run
from landscape.statistics.sharper import all_matching, compare
from landscape.statistics.sharper_sentence import sharper_sentence


def verdict(
    runs: Sequence[Run],
    relations: Mapping[str, Any],
    trade_offs: Sequence[Mapping[str, Any]],
    measures: Sequence[Mapping[str, Any]],
    optimizers: Sequence[str],
    *,
    levels: Sequence[float] = (),
    primary: Mapping[str, Any] | None = None,
) -> dict[str, list[str]]:
    """Return ``{"sentences": [two or more], "details": [...]}``: whose minima are sharper, does that explain the gap.

    A sentence answers where the intervals over seeds allow it after correction for the number of measures, and
    otherwise says that the data do not tell, why, and what would. The first compares minima at matched training
    loss, pair by pair; the second wants the same rank correlation with the gap in loss over all runs and within each
    optimizer. Both are refused where intervals hold one or zero, seeds or runs are too few, most runs are not at the
    matched loss, or a best learning rate lies at the edge of those tried. Others say what is left beside the
    hyper-parameters, see `beyond_sentences`.

    Args:
        runs: The ``runs`` of ``report.json``.
        relations: What ``relate`` returned for them.
        trade_offs: What ``trade_offs`` returned for them.
        measures: The ``measures`` of ``report.json``: what each says of itself.
        optimizers: Names; the first is what the others are compared with.
        levels: Training losses beside the primary one at which minima were looked for.
        primary: The question that the first sentence is about then, see `primary_sentence`; all others are marked as
            exploratory.
    """
    known = [meaning(each) for each in measures]
    matched = all_matching(runs, optimizers)
    comparisons = compare(runs, relations, known, optimizers, matched)
    in_loss, in_error = (associate(runs, relations, known, optimizers, gap) for gap in ("gap_loss", "gap_error"))
    at_edge = edges(trade_offs, optimizers)
    details = [
        *about_primary(primary),
        *about_matching(runs, matched, next(iter(optimizers), "")),
        *about_levels(runs, relations, known, levels),
        *about_learning_rate(comparisons),
        *about_gap_in_error(in_loss, in_error),
        *about_measurements(runs, known),
        *about_measures(runs, known),
        *about_best_learning_rate(at_edge),
        *about_intervals(comparisons, in_loss, len({run.get("seed") for run in runs})),
    ]
    sentences = [
        sharper_sentence(runs, comparisons, matched, optimizers, at_edge),
        explains_sentence(runs, in_loss, optimizers, at_edge),
        *beyond_sentences(runs, relations, known, optimizers, at_edge),
    ]
    if primary is not None:
        first = primary_sentence(runs, relations, known, primary, at_edge)
        sentences = [first, *(f"{EXPLORATORY}{each[0].lower()}{each[1:]}" for each in sentences)]
    return {"sentences": sentences, "details": details if runs else []}
