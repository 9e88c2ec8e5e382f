"""Whether an optimizer's best learning rate lies inside those tried."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from landscape.statistics.columns import GROUNDS
from landscape.statistics.meaning import listed, optimizer_words


@dataclass(frozen=True)
class Edge:
    """A best learning rate at the edge of those tried: a better one may lie beyond.

    Attributes:
        optimizer: Whose.
        rates: The smallest, the largest, or both where they tie, in words: of several networks or data sets with the
            one on which it is the best.
        score: By what it is the best.
    """

    optimizer: str
    rates: tuple[str, ...]
    score: str

    @property
    def words(self) -> str:
        """Whose best learning rate, by what, and that it lies at the edge."""
        whose = f"{optimizer_words(self.optimizer)}'s best learning rate by {self.score}"
        return f"{whose} ({listed(self.rates)}) is at the edge of those tried"


def in_words(found: Sequence[Edge]) -> str:
    """Return whose best learning rates lie at the edge, with what may be beyond: all in one clause."""
    if len(found) < 3 or len({edge.score for edge in found}) > 1:
        return f"{listed([edge.words for edge in found])}, where a better one may lie beyond"
    each = [f"{optimizer_words(edge.optimizer)} ({listed(edge.rates)})" for edge in found]
    return (
        f"the best learning rates by {found[0].score} of {listed(each, most=len(each))} are at the edge of those "
        "tried, where better ones may lie beyond"
    )


def edges(trade_offs: Sequence[Mapping[str, Any]], optimizers: Sequence[str]) -> list[Edge]:
    """Return the optimizers whose best learning rate is the smallest or largest tried, of two or more.

    Each network and data set has a best one of its own: that of the better network says nothing of another's.

    Args:
        trade_offs: What `landscape.statistics.trade_offs.trade_offs` returned.
        optimizers: Names.
    """
    found = []
    for name in optimizers:
        grounds: dict[tuple[str, ...], list[Mapping[str, Any]]] = {}
        for row in trade_offs:
            if row["optimizer"] == name and row["lr"] is not None:
                ground = tuple(str(row["factors"][key]) for key in GROUNDS if key in row["factors"])
                grounds.setdefault(ground, []).append(row)
        at_edge = {ground: _at_edge(rows) for ground, rows in grounds.items()}
        rates = [f"{rate:g}{_on(ground)}" for ground, (best, _) in at_edge.items() for rate in best]
        if rates:
            scores = dict.fromkeys(score for best, score in at_edge.values() if best)
            found.append(Edge(name, tuple(rates), listed(list(scores))))
    return found


def _on(ground: Sequence[str]) -> str:
    return f" on {' on '.join(reversed(ground))}" if ground else ""


def _at_edge(rows: Sequence[Mapping[str, Any]]) -> tuple[list[float], str]:
    """The best learning rates of some rows, if all of them lie at an end of those tried, and by what score."""
    score, what = _score(rows)
    if not score:
        return [], ""
    tried = sorted({row["lr"] for row in rows})
    best = sorted({row["lr"] for row, each in zip(rows, score, strict=True) if each == max(score)})
    return (best, what) if len(tried) > 1 and set(best) <= {tried[0], tried[-1]} else ([], "")


def _score(rows: Sequence[Mapping[str, Any]]) -> tuple[list[float], str]:
    """Higher is better: median test accuracy, or minus the median test loss without classes."""
    for key, sign in (("test_accuracy", 1), ("test_loss", -1)):
        if any(row[key] is not None for row in rows):
            return [sign * row[key]["value"] if row[key] else -float("inf") for row in rows], key.replace("_", " ")
    return [], ""
