"""What stands behind the verdict's two sentences, and against them: plain sentences for the report."""

from collections.abc import Mapping, Sequence
from itertools import chain
from typing import Any

from landscape.statistics.best_learning_rate import Edge, in_words
from landscape.statistics.explains import Association
from landscape.statistics.generalization_gap import finite
from landscape.statistics.matched_loss import TOLERANCE, comparable, target_loss
from landscape.statistics.meaning import (
    Meaning,
    capital,
    factor_words,
    interval,
    listed,
    number,
    optimizer_words,
    plural,
    quantities,
)
from landscape.statistics.reading import END, MATCHED, NOT_MEASURED, Run, are_checkpoints, minimum, read_measure, stops
from landscape.statistics.sharper import Comparison, Matching


def about_matching(runs: Sequence[Run], matched: Mapping[str, Matching], first: str) -> list[str]:
    """Return how well the training losses match, and which runs did not reach the target or diverged."""
    if are_checkpoints(runs):
        losses = [
            f"{number(loss)} ({run.get('id')})"
            for run in runs
            if (loss := finite((minimum(run, END) or {}).get("train_loss"))) is not None
        ]
        return [f"Checkpoints are measured as they are, at training losses of {listed(losses, most=6)}."]
    reached = [run for run in runs if minimum(run, MATCHED) is not None]
    target = target_loss(runs)
    sentences = [
        f"{len(reached)} of {plural(len(runs), 'run')} reached the target training loss"
        f"{f' (about {number(target)})' if target is not None else ''}."
    ]
    missed = [run for run in runs if minimum(run, MATCHED) is None and run.get("status") != "diverged"]
    if missed and reached:
        sentences.append(f"It was not reached by {_ids(missed)}.")
    diverged = [run for run in runs if run.get("status") == "diverged"]
    if diverged:
        sentences.append(f"{len(diverged)} of {plural(len(runs), 'run')} diverged: {_ids(diverged)}.")
    mismatches = [
        abs(each) for run in reached if (each := finite((minimum(run, MATCHED) or {}).get("mismatch"))) is not None
    ]
    if mismatches:
        far = [run for run in reached if not comparable(run, MATCHED)]
        sentences.append(
            f"The largest mismatch with the target is {100 * max(mismatches):.1f} %"
            + (f"; beyond {100 * TOLERANCE:.0f} % are {_ids(far)}." if far else ".")
        )
    counts = [
        f"{found.matched} of {plural(found.pairs, 'pair')} of {optimizer_words(other)}"
        for other, found in matched.items()
    ]
    if counts:
        sentences.append(
            f"{listed(counts, most=len(counts))} and {optimizer_words(first)} have both training losses within "
            f"{100 * TOLERANCE:.0f} % of the target; only these are compared at matched training loss."
        )
    return sentences


def about_measurements(runs: Sequence[Run], measures: Sequence[Meaning]) -> list[str]:
    """Return how many measurements are missing or did not converge, by measure, over all stops."""
    sentences = []
    there = [(run, stop) for run in runs for stop in stops([run])]
    for measure in (each.measure for each in measures):
        problems = [read_measure(run, stop, measure).problem for run, stop in there]
        missing = [place for place, problem in zip(there, problems, strict=True) if problem == NOT_MEASURED]
        parts = [f"{problems.count(each)} {each}" for each in ("not converged", "not measured") if each in problems]
        if parts:
            sentences.append(
                f"Of {len(there)} measurements of {measure}, {' and '.join(parts)}: left out, never filled in."
                f"{_reasons(measure, missing)}"
            )
    return sentences


def _reasons(measure: str, missing: Sequence[tuple[Run, str]]) -> str:
    """Return the reasons that numbers without a value carry, each once, as a sentence to go on with; or nothing."""
    rows = [((minimum(run, stop) or {}).get("measurements") or {}).get(measure) or {} for run, stop in missing]
    reasons = list(dict.fromkeys(str(row["reason"]) for row in rows if row.get("reason")))
    return f" Not measured because {listed(reasons)}." if reasons else ""


def about_learning_rate(comparisons: Mapping[str, Sequence[Comparison]]) -> list[str]:
    """Return each optimizer's ratio beside what the learning rate alone does to the same measure."""
    made = list(chain.from_iterable(comparisons.values()))
    sentences = []
    if any(each.by_rate for each in made):
        sentences.append(
            "Learning rates are paired by rank, the lowest of one optimizer with the lowest of the other, so a ratio "
            "over all of them depends on which were tried."
        )
    for each in made:
        record = each.pooled
        names = [optimizer_words(record[key]) for key in ("numerator", "denominator")]
        moved = [
            f"{number(factor)} times within {optimizer_words(name)}" for name, factor in each.learning_rate.items()
        ]
        alone = (
            f"the learning rate alone moves it {listed(moved)}"
            if moved
            else "what the learning rate alone does to it is unknown"
        )
        limits = f", {interval(record)}" if record["low"] is not None else ""
        sentences.append(
            f"The {each.meaning.words} is {number(record['ratio'])} times as large for {names[0]} as for {names[1]}"
            f"{limits}, larger in {100 * record['probability_larger']:.0f} % of "
            f"{plural(record['pairs'], 'pair')}; {alone}."
        )
        parts = []
        if each.by_rate:
            ranks = [number(rank["ratio"]) for rank in each.by_rate]
            changes = ": the answer changes with the learning rate" if "lr" in each.changes_with else ""
            ratios = f"the ratio of {each.meaning.words} is {listed(ranks, most=len(ranks))}"
            parts.append(f"by rank of learning rate {ratios}{changes}")
        parts += [_about_level(each, factor) for factor in each.by_level]
        sentences += [f"{capital('; '.join(parts))}."] if parts else []
    return sentences


def _about_level(comparison: Comparison, factor: str) -> str:
    """The ratio at each level of a factor, and whether the answer changes with it."""
    levels = [f"{number(each['ratio'])}{_ends(each)} for {each['level']}" for each in comparison.by_level[factor]]
    changes = f": the answer changes with {factor_words(factor)}" if factor in comparison.changes_with else ""
    return f"by {factor_words(factor).removeprefix('the ')} {listed(levels, most=len(levels))}{changes}"


def _ends(record: Mapping[str, Any]) -> str:
    return "" if record["low"] is None else f" ({number(record['low'])} to {number(record['high'])})"


def about_measures(runs: Sequence[Run], measures: Sequence[Meaning]) -> list[str]:
    """Return which measures count once or not at all, and why."""
    sentences = []
    for group in quantities(measures):
        if len(group) > 1:
            names = listed([each.measure for each in group])
            apart = _largest_disagreement(runs, group)
            agreement = (
                "" if apart is None else f"; where both converged they differ by at most {number(100 * apart)} %"
            )
            sentences.append(f"{names} estimate the same quantity and count once{agreement}.")
    for each in measures:
        if not each.sign:
            sentences.append(f"Not part of the verdict: {each.words}, which {each.why_not}.")
    return sentences


def _largest_disagreement(runs: Sequence[Run], group: Sequence[Meaning]) -> float | None:
    """Largest relative difference of two measures of one quantity at one minimum."""
    apart = []
    for run in runs:
        for stop in stops([run]):
            readings = [read_measure(run, stop, each.measure).value for each in group]
            found = [value for value in readings if value is not None]
            if len(found) > 1 and max(map(abs, found)) > 0:
                apart.append((max(found) - min(found)) / max(map(abs, found)))
    return max(apart, default=None)


def about_intervals(
    comparisons: Mapping[str, Sequence[Comparison]], associations: Sequence[Association], seeds: int
) -> list[str]:
    """Return how the intervals were made, and what the correction for several comparisons changed."""
    made = list(chain.from_iterable(comparisons.values()))
    sentences = [
        "Intervals resample whole seeds and use Student's t for their number; they take what seeds add to "
        f"log ratios and correlations to be about normal, which {plural(seeds, 'seed')} cannot confirm. "
        "They speak of other seeds at the same learning rates, not of other learning rates, networks or data.",
        f"Each interval is for one comparison. The two sentences are corrected (Holm) for {plural(len(made), 'ratio')} "
        f"and {plural(len(associations), 'correlation')}.",
    ]
    ratios: dict[str, list[str]] = {}
    for name, own in comparisons.items():
        for each in own:
            if each.lost_to_correction:
                ratios.setdefault(each.meaning.words, []).append(optimizer_words(name))
    several = len(comparisons) > 1
    lost = [
        f"the ratio of {words}" + (f" ({listed(names, most=len(names))})" if several else "")
        for words, names in ratios.items()
    ]
    lost += [f"the correlation of {each.meaning.words}" for each in associations if each.lost_to_correction]
    if lost:
        sentences.append(f"Clear on its own, but not after that correction: {listed(lost, most=len(lost))}.")
    return sentences


def about_gap_in_error(in_loss: Sequence[Association], in_error: Sequence[Association]) -> list[str]:
    """Return where the gap in error answers the second question differently from the gap in loss."""
    if all(record["kendall"]["value"] is None for each in in_error for record in each.groups.values()):
        return []
    words = {1: "the larger gap", -1: "the smaller gap", 0: "undecided"}
    by_measure = {each.meaning.measure: each for each in in_error}
    differing = [
        f"{each.meaning.words} ({words[each.answer]} in loss, {words[other.answer]} in error)"
        for each in in_loss
        if (other := by_measure.get(each.meaning.measure)) and other.answer != each.answer
    ]
    if differing:
        return [f"The gap in error answers differently for {listed(differing, most=len(differing))}."]
    if not any(each.answer for each in in_loss):
        return ["Neither the gap in loss nor the gap in error decides."]
    return ["The gap in error gives the same answers as the gap in loss."]


def about_best_learning_rate(edges: Sequence[Edge]) -> list[str]:
    """Return whose best learning rate is the smallest or largest tried, so that a better one may lie outside."""
    return [f"{capital(in_words(edges))}."] if edges else []


def _ids(runs: Sequence[Run]) -> str:
    return listed([str(run.get("id")) for run in runs], most=6)
