"""What an optimizer is chosen by: convergence speed, generalization, cost; by optimizer and learning rate."""

from collections.abc import Iterable, Sequence
from statistics import median
from typing import Any

from landscape.statistics.generalization_gap import finite
from landscape.statistics.reading import END, Run, minimum

_TARGETS = ("target_loss", "target_accuracy")
_UNITS = ("epochs", "examples", "seconds")
_GENERALIZATION = ("test_accuracy", "test_loss", "gap_loss", "gap_error")
_COST = ("seconds_per_epoch", "optimizer_bytes_per_parameter")


def trade_offs(runs: Sequence[Run], optimizers: Sequence[str]) -> list[dict[str, Any]]:
    """Return one row for each optimizer and learning rate, with medians and ranges over its runs.

    Each number is ``{"value": median, "low": smallest, "high": largest, "runs": how many}``, or None where no run
    has it. Speed is over the runs that got there, so read ``runs`` beside it: the median of three quick runs out of
    five says nothing about the two that never arrived. Generalization is at the end of training.

    Args:
        runs: Runs of any optimizers.
        optimizers: Names, in the order wanted.
    """
    rows = []
    for optimizer in optimizers:
        own = [run for run in runs if run["optimizer"] == optimizer]
        rates = sorted({run.get("lr") for run in own}, key=lambda lr: (lr is None, lr or 0.0))
        rows += [_row(optimizer, lr, [run for run in own if run.get("lr") == lr]) for lr in rates]
    return rows


def _row(optimizer: str, lr: float | None, runs: list[Run]) -> dict[str, Any]:
    row: dict[str, Any] = {
        "optimizer": optimizer,
        "lr": lr,
        "runs": len(runs),
        "reached": sum(bool(run.get("reached")) for run in runs),
        "diverged": sum(run.get("status") == "diverged" for run in runs),
    }
    for target in _TARGETS:
        speeds = [(run.get("speed") or {}).get(target) or {} for run in runs]
        row |= {f"{unit}_to_{target}": summary(speed.get(unit) for speed in speeds) for unit in _UNITS}
    ends = [minimum(run, END) or {} for run in runs]
    row |= {key: summary(end.get(key) for end in ends) for key in _GENERALIZATION}
    return row | {key: summary((run.get("cost") or {}).get(key) for run in runs) for key in _COST}


def summary(values: Iterable[Any]) -> dict[str, float | int] | None:
    """Return median, smallest, largest and number of the finite values, or None where there is none."""
    found = [each for value in values if (each := finite(value)) is not None]
    if not found:
        return None
    return {"value": median(found), "low": min(found), "high": max(found), "runs": len(found)}
