"""What many optimizers' comparisons say, measure by measure: who is sharper, who is flatter, who is open."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from landscape.statistics.meaning import factor_words, listed, number, optimizer_words
from landscape.statistics.sharper import CHANGES, FLATTER, SHARPER, UNDECIDED, Comparison

_ANSWERS = {SHARPER: "sharper", FLATTER: "flatter", CHANGES: "changing sides", UNDECIDED: "undecided"}


@dataclass(frozen=True)
class Group:
    """Optimizers of which one text speaks."""

    optimizers: tuple[str, ...] = ()
    text: str = ""


def by_measure(made: Mapping[str, Sequence[Comparison]], first: str) -> str:
    """Return the answers of several optimizers, then what the learning rate does beside them.

    Args:
        made: Their comparisons with the first.
        first: Its name.
    """
    every = [each for own in made.values() for each in own]
    confidence = next((each.pooled["confidence"] for each in every), 0.95)
    parts = []
    for words in dict.fromkeys(each.meaning.words for each in every):
        own = [(name, each) for name, several in made.items() for each in several if each.meaning.words == words]
        parts.append(f"by {words} {_answers(own)}")
    return (
        f"on average beside {optimizer_words(first)}'s (ratio, {100 * confidence:g} % interval): "
        f"{'; '.join(parts)}{learning_rate_clause(every)}"
    )


def _answers(own: Sequence[tuple[str, Comparison]]) -> str:
    said = []
    for answer, words in _ANSWERS.items():
        names = [_named(name, each) for name, each in own if each.answer == answer]
        if names:
            said.append(f"{listed(names, most=len(names))} {words}")
    return ", ".join(said)


def _named(name: str, comparison: Comparison) -> str:
    """The optimizer, with its ratio where it has an answer; where sides change, between what."""
    words, record = optimizer_words(name), comparison.pooled
    if comparison.answer == CHANGES:
        return f"{words} (with {changing(comparison)})"
    if comparison.answer == UNDECIDED:
        return words
    return f"{words} ({number(record['ratio'])}, {number(record['low'])} to {number(record['high'])})"


def changing(comparison: Comparison) -> str:
    """Return with what a comparison changes sides: the factors, with the ratio at each level of all but the rate."""
    parts = []
    for factor in comparison.changes_with:
        levels = [f"{number(each['ratio'])} for {each['level']}" for each in comparison.by_level.get(factor, ())]
        parts.append(factor_words(factor) + (f", {listed(levels, most=4)}" if levels else ""))
    return " and with ".join(parts)


def learning_rate_clause(made: Sequence[Comparison]) -> str:
    """Return the measure that the learning rate moves most, where it moves one more than the optimizer does."""
    moved = [each for each in made if each.answer in {SHARPER, FLATTER} and each.moved_more_by_learning_rate]
    if not moved:
        return ""
    most = max(moved, key=lambda each: max(each.learning_rate.values()))
    factor = number(max(most.learning_rate.values()))
    return f"; but the learning rate alone changes the {most.meaning.words} more, by a factor of up to {factor}"
