"""Whether an optimizer's best learning rate lies inside those tried."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from landscape.statistics.meaning import listed, optimizer_words


@dataclass(frozen=True)
class Edge:
    """A best learning rate at the edge of those tried: a better one may lie beyond.

    Attributes:
        optimizer: Whose.
        rates: The smallest, the largest, or both where they tie.
        score: By what it is the best.
    """

    optimizer: str
    rates: tuple[float, ...]
    score: str

    @property
    def words(self) -> str:
        """Whose best learning rate, by what, and that it lies at the edge."""
        rates = listed([f"{rate:g}" for rate in self.rates])
        whose = f"{optimizer_words(self.optimizer)}'s best learning rate by {self.score}"
        return f"{whose} ({rates}) is at the edge of those tried"


def in_words(found: Sequence[Edge]) -> str:
    """Return whose best learning rates lie at the edge, with what may be beyond: all in one clause."""
    if len(found) < 3 or len({edge.score for edge in found}) > 1:
        return f"{listed([edge.words for edge in found])}, where a better one may lie beyond"
    each = [f"{optimizer_words(edge.optimizer)} ({listed([f'{rate:g}' for rate in edge.rates])})" for edge in found]
    return (
        f"the best learning rates by {found[0].score} of {listed(each, most=len(each))} are at the edge of those "
        "tried, where better ones may lie beyond"
    )


def edges(trade_offs: Sequence[Mapping[str, Any]], optimizers: Sequence[str]) -> list[Edge]:
    """Return the optimizers whose best learning rate is the smallest or largest tried, of two or more.

    Args:
        trade_offs: What `landscape.statistics.trade_offs.trade_offs` returned.
        optimizers: Names.
    """
    found = []
    for name in optimizers:
        rows = [row for row in trade_offs if row["optimizer"] == name and row["lr"] is not None]
        score, what = _score(rows)
        if score:
            tried = sorted({row["lr"] for row in rows})
            best = sorted({row["lr"] for row, each in zip(rows, score, strict=True) if each == max(score)})
            if len(tried) > 1 and set(best) <= {tried[0], tried[-1]}:
                found.append(Edge(name, tuple(best), what))
    return found


def _score(rows: Sequence[Mapping[str, Any]]) -> tuple[list[float], str]:
    """Higher is better: median test accuracy, or minus the median test loss without classes."""
    for key, sign in (("test_accuracy", 1), ("test_loss", -1)):
        if any(row[key] is not None for row in rows):
            return [sign * row[key]["value"] if row[key] else -float("inf") for row in rows], key.replace("_", " ")
    return [], ""
