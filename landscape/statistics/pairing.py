"""Runs of two optimizers that differ in the optimizer alone."""

from collections import defaultdict
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from functools import cache

from landscape.statistics.reading import Run

_NOT_SHARED = {"lr", "lr_rank", "optimizer", "seed"}


@dataclass(frozen=True)
class Pair:
    """Two runs with the same seed (initial weights, data order), learning-rate rank and other factors."""

    seed: Hashable
    lr_rank: Hashable
    numerator: Run
    denominator: Run


Pairing = tuple[list[Pair], int]
"""Pairs in one fixed order, and how many runs of the two optimizers have no partner."""


def pairings(runs: Sequence[Run], optimizers: Sequence[str]) -> dict[str, Pairing]:
    """Return, for each optimizer but the first, its pairs with the first."""
    return {other: find_pairs(runs, other, optimizers[0]) for other in optimizers[1:]}


def find_pairs(runs: Iterable[Run], numerator: str, denominator: str) -> Pairing:
    """Return the pairs in one fixed order, and how many runs of the two optimizers have no partner.

    Learning rates of different optimizers are paired by rank: the lowest of the one with the lowest of the
    other. Two runs that cannot be told apart by their factors have no partner either.

    Args:
        runs: Runs of any optimizers.
        numerator: The optimizer whose numbers are divided.
        denominator: The optimizer that they are divided by.
    """
    cells: dict[str, dict[str, list[Run]]] = defaultdict(lambda: {numerator: [], denominator: []})
    for run in runs:
        if run["optimizer"] in {numerator, denominator}:
            cells[_cell(run)][run["optimizer"]].append(run)
    pairs = [
        Pair(above[0].get("seed"), above[0].get("lr_rank"), above[0], below[0])
        for _, cell in sorted(cells.items())
        if len(above := cell[numerator]) == 1 and len(below := cell[denominator]) == 1
    ]
    return pairs, sum(len(each) for cell in cells.values() for each in cell.values()) - 2 * len(pairs)


@cache
def is_shared(factor: str) -> bool:
    """Return whether runs are paired by the value of a factor; options of one optimizer are paired by their rank."""
    return factor not in _NOT_SHARED and "." not in factor


def _cell(run: Run) -> str:
    factors = {key: value for key, value in (run.get("factors") or {}).items() if is_shared(key)}
    return repr((run.get("lr_rank"), run.get("seed"), sorted(factors.items())))
