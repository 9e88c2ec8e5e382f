"""The second sentence of the verdict: whether sharpness explains the generalization gap."""

from collections.abc import Mapping, Sequence
from typing import Any

from landscape.statistics.best_learning_rate import Edge, in_words
from landscape.statistics.cluster_bootstrap import MIN_SEEDS
from landscape.statistics.explains import ALL, Association, unmatched
from landscape.statistics.matched_loss import TOLERANCE, match_more
from landscape.statistics.meaning import factor_words, interval, listed, number, optimizer_words, plural
from landscape.statistics.reading import Run, are_checkpoints

MIN_RUNS = 6
"""With five independent runs nothing short of perfect order counts: one exchange of neighbours has p = 0.083."""


MOST_NAMED = 4
"""Coefficients within more groups than these are said as a range; the table has each."""


_QUESTION = "The data do not tell whether sharpness explains the generalization gap"


def explains_sentence(
    runs: Sequence[Run], associations: Sequence[Association], optimizers: Sequence[str], edges: Sequence[Edge] = ()
) -> str:
    """Return the sentence; it refuses where the runs do not allow an answer, and says what would.

    Args:
        runs: The ``runs`` of ``report.json``.
        associations: What ``associate`` returned for the gap in loss.
        optimizers: Names of the optimizers.
        edges: Whose best learning rate lies at the edge of those tried: how gap and sharpness go together at their
            best is not among the data.
    """
    refusal = _refusal(runs, associations, optimizers)
    if refusal:
        return f"{_QUESTION}, because {refusal}."
    if edges:
        finding = _finding(associations, optimizers)
        return f"{_QUESTION}, because {in_words(edges)}; at those tried, {finding}."
    return f"At matched training loss, {_finding(associations, optimizers)}."


def _finding(associations: Sequence[Association], optimizers: Sequence[str]) -> str:
    """What the measures that decide say, then those that do not."""
    larger, smaller = (listed([_in_words(each) for each in associations if each.answer == sign]) for sign in (1, -1))
    where = f"over all runs and {_within(associations)}"
    if len(optimizers) == 1:
        where = f"over the runs of {optimizer_words(optimizers[0])}"
        where += f" and {_within(associations)}" if _factors(associations) else ""
    if larger and smaller:
        said = (
            f"the answer depends on the measure: sharper minima had the larger generalization gap in loss by {larger} "
        )
        said += f"but the smaller by {smaller}"
    else:
        side = "larger" if larger else "smaller"
        said = f"sharper minima had the {side} generalization gap in loss by {larger or smaller}"
    open_ = listed([each.meaning.words for each in associations if not each.answer])
    undecided = f", undecided by {open_}" if open_ else ""
    caution = "this is a correlation, not a cause: the learning rate may move both"
    return f"{where}, {said}{undecided}; {caution}"


def _refusal(runs: Sequence[Run], associations: Sequence[Association], optimizers: Sequence[str]) -> str:
    """Why there is no answer and what would give one; empty where there is an answer."""
    if not runs:
        return "there are no runs"
    missing = unmatched(runs, optimizers)
    if missing and are_checkpoints(runs):
        return f"both follow the training loss, and checkpoints are measured at the one they have; {match_more(runs)}"
    if missing:
        counts = listed(
            [f"{found} of {total} runs of {optimizer_words(name)}" for name, (found, total) in missing.items()]
        )
        return (
            f"both follow the training loss, and only {counts} were taken within {100 * TOLERANCE:.0f} % of the "
            f"target; {match_more(runs)}"
        )
    if not associations:
        return "no measure of sharpness was taken; try top_eigenvalue and trace"
    most = max((each.groups[ALL] for each in associations), key=lambda record: int(record["runs"]))
    if most["runs"] < MIN_RUNS or most["seeds"] < MIN_SEEDS:
        have = f"{plural(most['runs'], 'run')} with {plural(most['seeds'], 'seed')}"
        return f"{have} are too few; at least {MIN_RUNS} runs and {MIN_SEEDS} seeds are needed, and more are better"
    if any(each.answer for each in associations):
        return ""
    return _undecided(associations)


def _undecided(associations: Sequence[Association]) -> str:
    simpson = listed([_in_words(each) for each in associations if each.only_over_all])
    if simpson:
        return (
            f"{_together(associations)} over all runs but not clearly {_within(associations)}, by {simpson}, so this "
            f"may be the difference between the {listed([f'{each}s' for each in _kinds(associations)])} alone; more "
            "seeds and learning rates would tell"
        )
    return (
        f"no measure's rank correlation with it decides over all runs and {_within(associations)}: "
        f"{listed([_in_words(each) for each in associations])}; more seeds or learning rates would narrow the intervals"
    )


def _together(associations: Sequence[Association]) -> str:
    """In which direction the two go over all runs."""
    values = [each.groups[ALL]["kendall"]["value"] for each in associations if each.only_over_all]
    if min(values) > 0:
        return "the two go together"
    return "sharper minima had the smaller gap" if max(values) < 0 else "the two go with or against each other"


def _factors(associations: Sequence[Association]) -> list[str]:
    """What runs are grouped by beside the optimizer."""
    found = [record.get("factor") for each in associations for record in each.groups.values()]
    return [factor_words(each).removeprefix("the ") for each in dict.fromkeys(found) if each]


def _kinds(associations: Sequence[Association]) -> list[str]:
    """Within each of what a correlation is wanted: optimizer, data set, network, as far as there are several."""
    several = any(len([1 for each in one.groups.values() if "factor" not in each]) > 2 for one in associations)
    return [*(["optimizer"] if several else []), *_factors(associations)] or ["optimizer"]


def _within(associations: Sequence[Association]) -> str:
    return f"within each {listed(_kinds(associations))}"


def _in_words(association: Association) -> str:
    (_, over_all), *within = association.groups.items()
    parts = [_tau(over_all)]
    known = [record["kendall"]["value"] for _, record in within if record["kendall"]["value"] is not None]
    if len(within) > MOST_NAMED and known:
        parts.append(f"{number(min(known))} to {number(max(known))} {_within([association])}")
    elif len(within) > 1:
        parts += [f"{_value(record)} within {optimizer_words(name)}" for name, record in within]
    return f"{association.meaning.words} (Kendall's tau {'; '.join(parts)})"


def _value(record: Mapping[str, Any]) -> str:
    value = record["kendall"]["value"]
    return "undefined" if value is None else number(value)


def _tau(record: Mapping[str, Any]) -> str:
    tau = record["kendall"]
    return _value(record) + (f", {interval(record | tau)}" if tau["low"] is not None else "")
