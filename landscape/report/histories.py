"""The training histories of a report: single runs, and the median over the seeds of one setting."""

import math
from dataclasses import dataclass, replace

import numpy as np

from landscape.report.folder import Array, Report

QUANTITIES = {"train_loss": "train loss", "test_loss": "test loss", "test_accuracy": "test accuracy"}
AXES = {"epoch": "epoch", "seconds": "seconds of training"}


@dataclass(frozen=True)
class Curve:
    """One quantity of one run, or its median over runs (then ``run`` is empty), against epochs and seconds."""

    run: str
    optimizer: str
    lr: float | None
    lr_rank: int
    factors: str
    diverged: bool
    epoch: Array
    seconds: Array
    value: Array

    def x(self, axis: str) -> Array:
        """Return the epochs or the seconds."""
        return {"epoch": self.epoch, "seconds": self.seconds}[axis]


def curves(report: Report, quantity: str) -> list[Curve]:
    """Return one curve for each run that recorded ``quantity`` at all."""
    found = []
    for run in report["runs"]:
        history = run.get("history") or {}
        value = _array(history.get(quantity))
        if not np.isfinite(value).any():
            continue
        epoch, seconds = (_array(history.get(axis), len(value)) for axis in AXES)
        found.append(
            Curve(
                run["id"],
                run["optimizer"],
                run.get("lr"),
                run.get("lr_rank") or 0,
                repr(sorted((run.get("factors") or {}).items())),
                run.get("status") == "diverged",
                epoch,
                seconds,
                value,
            )
        )
    return found


def medians(singles: list[Curve]) -> list[Curve]:
    """Return the median of each setting (all but the seed), as far as at least half of its runs go.

    Diverged runs are not part of a median; a setting of which all runs diverged has none.
    """
    groups: dict[tuple[object, ...], list[Curve]] = {}
    for curve in singles:
        if not curve.diverged:
            groups.setdefault((curve.optimizer, curve.lr_rank, curve.factors), []).append(curve)
    return [_median(group) for group in groups.values()]


def _median(group: list[Curve]) -> Curve:
    length = sorted(len(curve.value) for curve in group)[(len(group) - 1) // 2]
    whole = [curve for curve in group if len(curve.value) >= length]
    epoch, seconds, value = (
        np.median([getattr(curve, name)[:length] for curve in whole], axis=0) for name in ("epoch", "seconds", "value")
    )
    return replace(group[0], run="", epoch=epoch, seconds=seconds, value=value)


def targets(report: Report, kind: str) -> list[float]:
    """Return the distinct targets (``target_loss`` or ``target_accuracy``) that runs were timed to."""
    found = {
        entry["target"]
        for run in report["runs"]
        if (entry := (run.get("speed") or {}).get(kind)) and entry.get("target") is not None
    }
    return sorted(found)


def value_range(singles: list[Curve]) -> tuple[float, float]:
    """Return the lowest and the highest finite value of the runs that did not diverge, or of all if all did."""
    kept = [curve for curve in singles if not curve.diverged] or singles
    values = np.concatenate([curve.value[np.isfinite(curve.value)] for curve in kept])
    return float(values.min()), float(values.max())


def last_finite(curve: Curve) -> int:
    """Return the index of the last finite value of a curve."""
    return int(np.flatnonzero(np.isfinite(curve.value))[-1])


def _array(values: list[float | None] | None, length: int = 0) -> Array:
    """Return a list of JSON as an array, null as NaN; an absent one is all NaN."""
    given = [math.nan] * length if values is None else values
    return np.array([math.nan if value is None else value for value in given], dtype=np.float64)
