"""How much the learning rate alone moves a measure, to hold beside what the optimizer does."""

import math
from collections import defaultdict
from collections.abc import Iterable
from itertools import combinations

from landscape.statistics.cluster_bootstrap import MIN_SEEDS
from landscape.statistics.matched_loss import comparable
from landscape.statistics.reading import Run, read_measure

_MOVED = {"lr", "lr_rank"}
Cell = tuple[str, str]
"""A seed, and all else that a run is of."""


def learning_rate_effect(runs: Iterable[Run], stop: str, measure: str, optimizer: str) -> float | None:
    """Return the largest geometric mean ratio of a measure between two of an optimizer's learning rates.

    Over pairs of runs that agree in all else, the seed too: where one learning rate reaches the target on one network
    alone, the difference between networks is none of the learning rate's. Two learning rates that too few seeds share
    for an interval say nothing: the largest of several ratios would be that of the fewest runs.

    Args:
        runs: Runs of any optimizers.
        stop: Where their minima are taken.
        measure: Name of the measure; values that are not positive are left out, as in the paired ratio.
        optimizer: Whose runs.

    Returns:
        At least 1; None where no two learning rates have three seeds whose runs differ in the rate alone.
    """
    logs: dict[str, dict[Cell, list[float]]] = defaultdict(lambda: defaultdict(list))
    for run in runs:
        if run["optimizer"] != optimizer or not comparable(run, stop):
            continue
        value = read_measure(run, stop, measure).value
        if value is not None and value > 0:
            logs[repr(run.get("lr_rank"))][_cell(run)].append(math.log(value))
    moved = [
        each for one, other in combinations(logs.values(), 2) if (each := _mean_difference(one, other)) is not None
    ]
    # within what a float holds, as with the paired ratio
    return math.exp(min(max(map(abs, moved)), 700.0)) if moved else None


def _mean_difference(one: dict[Cell, list[float]], other: dict[Cell, list[float]]) -> float | None:
    both = one.keys() & other.keys()
    if len({seed for seed, _ in both}) < MIN_SEEDS:
        return None
    differences = [math.fsum(one[cell]) / len(one[cell]) - math.fsum(other[cell]) / len(other[cell]) for cell in both]
    return math.fsum(differences) / len(differences)


def _cell(run: Run) -> Cell:
    factors = {key: value for key, value in (run.get("factors") or {}).items() if key not in _MOVED}
    return repr(run.get("seed")), repr(sorted(factors.items()))
