"""The first sentence of the verdict: whose minima are sharper at matched training loss, by which measures."""

import math
from collections.abc import Mapping, Sequence

from landscape.statistics.best_learning_rate import Edge, in_words
from landscape.statistics.cluster_bootstrap import MIN_SEEDS
from landscape.statistics.matched_loss import TOLERANCE, loss_ratio, match_more, target_loss
from landscape.statistics.meaning import factor_words, interval, listed, number, optimizer_words, plural
from landscape.statistics.pairing import find_pairs
from landscape.statistics.reading import END, Run, are_checkpoints
from landscape.statistics.sharper import CHANGES, FLATTER, SHARPER, UNDECIDED, Comparison, Matching
from landscape.statistics.sharper_by_measure import Group, by_measure, changing, learning_rate_clause

MANY = 3
"""So many optimizers beside the first are said together, measure by measure."""


def sharper_sentence(
    runs: Sequence[Run],
    comparisons: Mapping[str, Sequence[Comparison]],
    matched: Mapping[str, Matching],
    optimizers: Sequence[str],
    edges: Sequence[Edge] = (),
) -> str:
    """Return the sentence; it refuses where the runs do not allow an answer, and says what would.

    Args:
        runs: The ``runs`` of ``report.json``.
        comparisons: What ``compare`` returned for them.
        matched: What ``all_matching`` returned for them.
        optimizers: Names, the first is what the others are compared with.
        edges: Whose best learning rate lies at the edge of those tried: these are not compared at their best.
    """
    if not runs:
        return "The data do not tell whose minima are sharper: there are no runs."
    if len(optimizers) < 2:
        name = optimizer_words(optimizers[0])
        return (
            f"The data do not tell whether another optimizer finds sharper minima than {name}: only {name} was run; "
            "a second optimizer with the same seeds would tell."
        )
    several = _together(runs, comparisons, matched, optimizers, edges)
    apart = [other for other in optimizers[1:] if other not in several.optimizers]
    clauses = [_clause(runs, comparisons[other], matched[other], (other, optimizers[0]), edges) for other in apart]
    joined = "; ".join([*clauses[:1], *(clause[0].lower() + clause[1:] for clause in clauses[1:])])
    return " ".join([f"{text}." for text in (several.text, joined) if text])


def _together(
    runs: Sequence[Run],
    comparisons: Mapping[str, Sequence[Comparison]],
    matched: Mapping[str, Matching],
    optimizers: Sequence[str],
    edges: Sequence[Edge],
) -> Group:
    """Those of many optimizers that measures answer for, in one text; none where they are few."""
    first, others = optimizers[0], optimizers[1:]
    told = [name for name in others if matched[name].matched and not refusal_of(matched[name], comparisons[name], runs)]
    edged = [name for name in told if {edge.optimizer for edge in edges} & {name, first}]
    group = edged if len(edged) >= MANY else [name for name in told if name not in edged]
    if len(group) < MANY:
        return Group()
    made = {name: comparisons[name] for name in group}
    answers = by_measure(made, first)
    if group is edged:
        names = listed([optimizer_words(name) for name in group], most=len(group))
        best = in_words([edge for edge in edges if edge.optimizer in (first, *group)])
        return Group(
            tuple(group),
            f"The data do not tell whether the minima of {names} are sharper than {optimizer_words(first)}'s at "
            f"matched training loss, because {best}. At those tried, {answers}",
        )
    found, pairs = (sum(getattr(matched[name], key) for name in group) for key in ("matched", "pairs"))
    some = f", in {found} of {plural(pairs, 'pair')} of runs" if found < pairs else ""
    about = f" (about {number(target_loss(runs) or 0)}{some})"
    return Group(tuple(group), f"At matched training loss{about} and the learning rates tried, {answers}")


def _clause(
    runs: Sequence[Run],
    made: Sequence[Comparison],
    found: Matching,
    compared: tuple[str, str],
    edges: Sequence[Edge],
) -> str:
    other, first = compared
    refusal = refusal_of(found, made, runs) or _undecided(made)
    names = f"{optimizer_words(other)}'s minima are sharper than {optimizer_words(first)}'s"
    question = f"The data do not tell whether {names} at matched training loss"
    if found.pairs and found.stop == END:
        within = f"no pair of runs was taken within {100 * TOLERANCE:.0f} % of it"
        why, where = (
            ("checkpoints are measured at the training loss they have", "there")
            if are_checkpoints(runs)
            else (within, "at the end of training")
        )
        return (
            f"{question}, because {why} ({match_more(runs)}); "
            f"{where}{_losses_at_the_end(runs, other, first)}, {refusal or _finding(made, other, first)}"
        )
    if refusal:
        return f"{question}, because {refusal}"
    at_edge = [edge for edge in edges if edge.optimizer in (other, first)]
    if at_edge:
        found_here = _finding(made, other, first)
        return f"{question}, because {in_words(at_edge)}; at those tried, {found_here}"
    some = f", in {found.matched} of {plural(found.pairs, 'pair')} of runs" if found.matched < found.pairs else ""
    about = f" (about {number(target_loss(runs) or 0)}{some})"
    return f"At matched training loss{about} and the learning rates tried, {_finding(made, other, first)}"


def refusal_of(found: Matching, made: Sequence[Comparison], runs: Sequence[Run]) -> str:
    """Return why measures cannot be asked for an answer and what would give one; empty where they can."""
    if not found.pairs:
        return "no two runs share a seed and a learning-rate rank; the same seeds for both would tell"
    if found.too_few:
        return (
            f"only {found.matched} of {plural(found.pairs, 'pair')} of runs were taken within "
            f"{100 * TOLERANCE:.0f} % of it; {match_more(runs)}"
        )
    if not made:
        return (
            "no pair of runs has a converged, positive measure of sharpness to compare; runs that finish, measured by "
            "top_eigenvalue and trace, would tell"
        )
    values = listed([_in_words(each) for each in made])
    if all(len(each.by_rate) < 2 for each in made):
        one, who = ("checkpoint", "runs at ") if are_checkpoints(runs) else ("learning rate", "")
        return (
            f"they are compared at one {one} each and the learning rate alone moves sharpness, so that the ratios "
            f"{values} are of both; {who}two or more learning rates each would tell"
        )
    seeds = max(each.pooled["seeds"] for each in made)
    if seeds < MIN_SEEDS:
        return f"{plural(seeds, 'seed')} cannot give an interval: {values}; {MIN_SEEDS} can, 5 or more do it better"
    return ""


def _undecided(made: Sequence[Comparison]) -> str:
    """That no measure decides, or not the only one, and what would; empty where one does."""
    answers = {each.answer for each in made}
    if not answers <= {UNDECIDED, CHANGES}:
        return ""
    seeds = max(each.pooled["seeds"] for each in made)
    more = f"more seeds than these {seeds} would narrow the intervals"
    if answers == {CHANGES}:
        factors = list(dict.fromkeys(factor_words(each) for one in made for each in one.changes_with))
        more = f"each level of {listed(factors)} has an answer of its own, which more seeds will not change"
    none = "no measure decides" if len(made) > 1 else "the measure does not decide"
    return f"{none}: {listed([_in_words(each) for each in made])}; {more}"


def _finding(made: Sequence[Comparison], other: str, first: str) -> str:
    """What the measures that decide say, side by side where they contradict, then those that do not."""
    by_answer = {
        answer: listed([_in_words(each) for each in made if each.answer == answer]) for answer in (SHARPER, FLATTER)
    }
    subject = f"{optimizer_words(other)}'s minima were on average"
    than = f"than {optimizer_words(first)}'s by"
    if by_answer[SHARPER] and by_answer[FLATTER]:
        said = f"sharper {than} {by_answer[SHARPER]} but flatter by {by_answer[FLATTER]}"
        text = f"the answer depends on the measure: {subject} {said}"
    else:
        side = SHARPER if by_answer[SHARPER] else FLATTER
        text = f"{subject} {side} {than} {by_answer[side]}"
    open_ = listed([_in_words(each) for each in made if each.answer in {UNDECIDED, CHANGES}])
    return text + (f", undecided by {open_}" if open_ else "") + learning_rate_clause(made)


def _in_words(comparison: Comparison) -> str:
    record = comparison.pooled
    limits = f", {interval(record)}" if record["low"] is not None else ""
    few = f", in only {record['pairs']} of {comparison.pairs} pairs" if comparison.mostly_missing else ""
    changes = f", but changing sides with {changing(comparison)}" if comparison.answer == CHANGES else ""
    alone = comparison.answer == UNDECIDED and limits and not record["low"] <= 1 <= record["high"]
    corrected = ", not clear once corrected for the number of comparisons" if alone and not few else ""
    return f"{comparison.meaning.words} ({number(record['ratio'])} times{limits}{few}{changes}{corrected})"


def _losses_at_the_end(runs: Sequence[Run], other: str, first: str) -> str:
    pairs, _ = find_pairs(runs, other, first)
    ratios = [ratio for pair in pairs if (ratio := loss_ratio(pair.numerator, pair.denominator, END)) is not None]
    if not ratios:
        return ""
    mean = math.exp(sum(map(math.log, ratios)) / len(ratios))
    names = optimizer_words(other), optimizer_words(first)
    return f", where sharpness follows the training loss and {names[0]}'s was {number(mean)} times {names[1]}'s"
