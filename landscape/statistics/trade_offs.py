"""What an optimizer is chosen by: convergence speed, generalization, cost; by its settings."""

from collections.abc import Iterable, Mapping, Sequence
from statistics import median
from typing import Any

from landscape.statistics.generalization_gap import finite
from landscape.statistics.pairing import is_shared
from landscape.statistics.pareto import mark_front
from landscape.statistics.reading import END, Run, are_checkpoints, minimum
from landscape.statistics.sensitivity import mark_sensitivity

BASELINE = "sgd"
"""The optimizer whose step is the unit of the others' time."""
_TARGETS = ("target_loss", "target_accuracy")
_UNITS = ("epochs", "steps", "examples", "seconds")
_GENERALIZATION = ("test_accuracy", "test_loss", "gap_loss", "gap_error")
_COST = ("seconds_per_epoch", "optimizer_bytes_per_parameter")


def trade_offs(runs: Sequence[Run], optimizers: Sequence[str]) -> list[dict[str, Any]]:
    """Return one row for each optimizer, setting of what else varies, and learning rate, over their runs.

    Each number is ``{"value": median, "low": smallest, "high": largest, "runs": how many}``, or None where no run
    has it. Speed is over the runs that got there, so read ``runs`` beside it: the median of three quick runs out of
    five says nothing about the two that never arrived. Generalization is at the end of training.
    ``relative_seconds_per_step`` is to the median step of SGD at the same settings, over all its learning rates; None
    where SGD is not in the study, or trained in another way: runs that trained as one batched model share its time, so
    their seconds do not compare with those of runs that trained alone, or with more or fewer others. Where a study has
    several ways (``together`` is how many trained as one), ``speed_unit`` is ``"epochs"`` and not ``"seconds"``.
    ``factors`` holds what varies beside the learning rate; ``pareto`` and ``sensitivity`` are as `mark_front` and
    `mark_sensitivity` say. Checkpoints have no row: nothing is known of how they were trained.

    Args:
        runs: Runs of any optimizers.
        optimizers: Names, in the order wanted.
    """
    if are_checkpoints(runs):
        return []
    varied = _varied(runs)
    rows = []
    for optimizer in optimizers:
        groups: dict[tuple[str, Any], list[Run]] = {}
        for run in runs:
            if run["optimizer"] == optimizer:
                groups.setdefault((repr(_factors(run, varied)), run.get("lr")), []).append(run)
        ordered = sorted(groups.items(), key=lambda each: (each[0][0], each[0][1] is None, each[0][1] or 0.0))
        rows += [_row(optimizer, lr, _factors(own[0], varied), own) for (_, lr), own in ordered]
    _compare_with_baseline(rows)
    unit = "seconds" if len({repr(row["together"]) for row in rows}) < 2 else "epochs"
    for row in rows:
        row["speed_unit"] = unit
    mark_front(rows, f"{unit}_to_target_loss")
    mark_sensitivity(rows)
    return rows


def _varied(runs: Sequence[Run]) -> list[str]:
    """Return the factors of a study, beside the learning rate, that have more than one value."""
    names = dict.fromkeys(name for run in runs for name in run.get("factors") or {} if name != "lr")
    return [name for name in names if len({repr((run.get("factors") or {}).get(name)) for run in runs}) > 1]


def _factors(run: Run, varied: Iterable[str]) -> dict[str, Any]:
    return {name: (run.get("factors") or {}).get(name) for name in varied}


def _row(optimizer: str, lr: float | None, factors: Mapping[str, Any], runs: list[Run]) -> dict[str, Any]:
    row: dict[str, Any] = {
        "optimizer": optimizer,
        "lr": lr,
        "factors": dict(factors),
        "runs": len(runs),
        "reached": sum(bool(run.get("reached")) for run in runs),
        "diverged": sum(run.get("status") == "diverged" for run in runs),
        "together": sorted({run.get("together") or 1 for run in runs}),
    }
    for target in _TARGETS:
        speeds = [(run.get("speed") or {}).get(target) or {} for run in runs]
        row |= {f"{unit}_to_{target}": summary(speed.get(unit) for speed in speeds) for unit in _UNITS}
        row[f"reached_{target}"] = sum(bool(speed) for speed in speeds)
    ends = [minimum(run, END) or {} for run in runs]
    row |= {key: summary(end.get(key) for end in ends) for key in _GENERALIZATION}
    row |= {key: summary((run.get("cost") or {}).get(key) for run in runs) for key in _COST}
    return row | {"seconds_per_step": summary(_seconds_per_step(run) for run in runs)}


def _seconds_per_step(run: Run) -> float | None:
    seconds = finite((run.get("cost") or {}).get("seconds_per_epoch"))
    steps, epochs = (_last(run, key) for key in ("step", "epoch"))
    return seconds * epochs / steps if seconds is not None and steps and epochs else None


def _last(run: Run, key: str) -> float:
    values = (run.get("history") or {}).get(key)
    return 0.0 if values is None or not len(values) else finite(values[-1]) or 0.0


def _compare_with_baseline(rows: list[dict[str, Any]]) -> None:
    """Give each row its seconds a step in those of the baseline at the same factors."""
    seconds: dict[str, list[float]] = {}
    for row in rows:
        if row["optimizer"] == BASELINE and row["seconds_per_step"]:
            seconds.setdefault(_comparable(row), []).append(row["seconds_per_step"]["value"])
    for row in rows:
        steps = seconds.get(_comparable(row))
        own, relative = row["seconds_per_step"], None
        if own and steps and (unit := median(steps)) > 0:
            relative = {key: own[key] / unit for key in ("value", "low", "high")} | {"runs": own["runs"]}
        row["relative_seconds_per_step"] = relative


def _comparable(row: Mapping[str, Any]) -> str:
    """Return what rows share whose seconds compare: all factors but those of one optimizer, and the way of training."""
    return repr((sorted((name, each) for name, each in row["factors"].items() if is_shared(name)), row["together"]))


def summary(values: Iterable[Any]) -> dict[str, float | int] | None:
    """Return median, smallest, largest and number of the finite values, or None where there is none."""
    found = [each for value in values if (each := finite(value)) is not None]
    if not found:
        return None
    return {"value": median(found), "low": min(found), "high": max(found), "runs": len(found)}
