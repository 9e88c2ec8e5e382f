"""What one run says: its minimum at a stop, and the value of one measure there."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from landscape.statistics.generalization_gap import finite
from landscape.stops import END, MATCHED, is_epoch, is_level, place

__all__ = [
    "END",
    "MATCHED",
    "MOVED",
    "NOT_MEASURED",
    "Reading",
    "Run",
    "are_checkpoints",
    "counted",
    "minimum",
    "missing_at",
    "read_measure",
    "stops",
]

Run = Mapping[str, Any]

MOVED = "moved"
"""Under this name a minimum has the points that it was moved to without changing its function."""

NOT_MEASURED = "not measured"


class Reading(NamedTuple):
    """A value, or None and what is the matter with it."""

    value: float | None
    problem: str = ""


def are_checkpoints(runs: Sequence[Run]) -> bool:
    """Return whether runs are checkpoints, which a study measures and does not train: these have no learning rate."""
    return bool(runs) and all(run.get("lr") is None for run in runs)


def minimum(run: Run, stop: str) -> Run | None:
    """Return the minimum of a run at a stop, or None where the run has none."""
    found: Run | None = (run.get("minima") or {}).get(stop)
    return found


def stops(runs: Iterable[Run]) -> list[str]:
    """Return the stops at which any run has a minimum, in the order of `landscape.stops.place`."""
    return sorted({stop for run in runs for stop in run.get("minima") or {}}, key=place)


def missing_at(stop: str) -> str:
    """Return what is the matter with a run that has no minimum at a stop."""
    if is_level(stop):
        return "target loss not reached"
    return "training ended before" if is_epoch(stop) else "no minimum at the end of training"


def read_measure(run: Run, stop: str, measure: str) -> Reading:
    """Return the converged value of a measure; what has not converged is not a value."""
    found = minimum(run, stop)
    if found is None:
        return Reading(None, missing_at(stop))
    measurement = (found.get("measurements") or {}).get(measure) or {}
    value = finite(measurement.get("value"))
    if value is None:
        return Reading(None, NOT_MEASURED)
    if not measurement.get("converged"):
        return Reading(None, "not converged")
    return Reading(value)


def counted(problems: Iterable[str], what: str) -> str:
    """Return ``"left out: 2 pairs (not converged), ..."`` from one problem for each thing left out, or ""."""
    found = list(problems)
    parts = [f"{found.count(problem)} ({problem})" for problem in sorted(set(found))]
    return f"left out of {what}: " + ", ".join(parts) if parts else ""
