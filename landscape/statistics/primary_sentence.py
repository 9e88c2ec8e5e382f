"""The answer to the one question that a study named before its runs: a single test, so uncorrected."""

from collections.abc import Mapping, Sequence
from typing import Any

from landscape.statistics.best_learning_rate import Edge
from landscape.statistics.meaning import Meaning, number, optimizer_words
from landscape.statistics.reading import Run
from landscape.statistics.sharper import all_matching, compare
from landscape.statistics.sharper_sentence import sharper_sentence

EXPLORATORY = "Exploratory: "


def primary_sentence(
    runs: Sequence[Run],
    relations: Mapping[str, Any],
    measures: Sequence[Meaning],
    primary: Mapping[str, Any],
    edges: Sequence[Edge] = (),
) -> str:
    """Return the sentence; it refuses where the runs do not allow an answer, as any other does.

    Args:
        runs: The ``runs`` of ``report.json``.
        relations: What ``relate`` returned for them.
        measures: How each measure is read.
        primary: ``measure``, ``numerator``, ``denominator``, ``level``, and when it was ``named``.
        edges: Whose best learning rate lies at the edge of those tried.
    """
    asked = [each for each in measures if each.measure == primary["measure"]]
    pair = [primary["denominator"], primary["numerator"]]
    # one comparison: Holm's correction leaves it as it is
    matched = all_matching(runs, pair)
    said = sharper_sentence(runs, compare(runs, relations, asked, pair, matched), matched, pair, edges)
    words = asked[0].words if asked else primary["measure"]
    names = " / ".join(optimizer_words(each) for each in reversed(pair))
    about = f"({words}, {names}, at training loss {number(primary['level'])}; one test, not corrected for others)"
    return f"{_head(primary)} {about}: {said[0].lower()}{said[1:]}"


def about_primary(primary: Mapping[str, Any] | None) -> list[str]:
    """Return how the verdict's sentences are to be read where a study has a primary question."""
    if primary is None:
        return []
    if primary["named"] == "before":
        return [
            "The primary question was named before the first run; everything else is exploratory: it raises questions "
            "and answers none."
        ]
    return [
        "The primary question was named, or changed, after runs were there, so it is exploratory like everything else; "
        "other seeds in another folder would make it a test."
    ]


def _head(primary: Mapping[str, Any]) -> str:
    return "Primary question" if primary["named"] == "before" else "Question named after the runs, so exploratory"
