"""How much the learning rate alone moves a measure, to hold beside what the optimizer does."""

import math
from collections import defaultdict
from collections.abc import Iterable

from landscape.statistics.matched_loss import comparable
from landscape.statistics.reading import Run, read_measure


def learning_rate_effect(runs: Iterable[Run], stop: str, measure: str, optimizer: str) -> float | None:
    """Return the largest over the smallest geometric mean of a measure among an optimizer's learning rates.

    Args:
        runs: Runs of any optimizers.
        stop: Where their minima are taken.
        measure: Name of the measure; values that are not positive are left out, as in the paired ratio.
        optimizer: Whose runs.

    Returns:
        At least 1; None with fewer than two learning rates.
    """
    logs: dict[str, list[float]] = defaultdict(list)
    for run in runs:
        if run["optimizer"] != optimizer or not comparable(run, stop):
            continue
        value = read_measure(run, stop, measure).value
        if value is not None and value > 0:
            logs[repr(run.get("lr_rank"))].append(math.log(value))
    means = [math.fsum(each) / len(each) for each in logs.values()]
    # within what a float holds, as with the paired ratio
    return math.exp(min(max(means) - min(means), 700.0)) if len(means) > 1 else None
