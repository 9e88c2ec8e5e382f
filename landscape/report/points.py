"""Flat views of a report: one measured number of one minimum, and pairs of them."""

from dataclasses import dataclass
from typing import Any, NamedTuple

from landscape.report.folder import Report
from landscape.report.numbers import plain, with_error
from landscape.report.symbols import Term
from landscape.statistics import reading
from landscape.statistics.matched_loss import comparable, target_loss
from landscape.statistics.pairing import find_pairs
from landscape.stops import END, is_epoch, is_further_level, is_level, level_of


class Point(NamedTuple):
    """One measure of one run's minimum, beside the generalization gap of that minimum.

    ``comparable`` says whether its training loss is close enough to the target to be compared at all.
    """

    run: str
    optimizer: str
    lr: float | None
    lr_rank: int
    seed: int
    value: float
    error: float | None
    converged: bool
    comparable: bool
    gaps: dict[str, float | None]

    @property
    def text(self) -> str:
        """The value with its error, and ``!`` when it did not converge."""
        return with_error(self.value, self.error) + ("" if self.converged else " !")

    @property
    def counted(self) -> bool:
        """Whether the statistics take it: it converged, and its training loss is matched."""
        return self.converged and self.comparable

    def numbers(self) -> dict[str, Any]:
        """Return what goes into the JSON beside a figure."""
        return {
            "run": self.run,
            "optimizer": self.optimizer,
            "lr": self.lr,
            "lr_rank": self.lr_rank,
            "seed": self.seed,
            "value": self.value,
            "error": self.error,
            "converged": self.converged,
            "counted": self.counted,
        }


@dataclass(frozen=True)
class Pair:
    """Two minima of the same seed, learning-rate rank and other factors, of two optimizers."""

    first: Point
    other: Point

    @property
    def counted(self) -> bool:
        """Whether the statistics take it."""
        return self.first.counted and self.other.counted


def stops(report: Report) -> list[str]:
    """Return the stops at which at least one run has a minimum, the matched one first, averages of the weights last."""
    return reading.stops(report["runs"])


def main_stops(report: Report) -> list[str]:
    """Return the stops that have tables and figures of their own; the others stand side by side in one table."""
    return [stop for stop in stops(report) if not (is_further_level(stop) or is_epoch(stop))]


def side_stops(report: Report) -> list[str]:
    """Return the stops that stand side by side, if there are further levels or epochs: levels downwards, then epochs.

    The primary level is among the levels, and the end comes last.
    """
    further = [stop for stop in stops(report) if is_further_level(stop) or is_epoch(stop)]
    if not further:
        return []
    levels = [stop for stop in stops(report) if is_level(stop)]
    levels.sort(key=lambda stop: -(level(report, stop) or 0.0))
    return [*levels, *(stop for stop in further if is_epoch(stop)), *(s for s in stops(report) if s == END)]


def level(report: Report, stop: str) -> float | None:
    """Return the training loss that a matched stop was taken at, None where it is not known."""
    return level_of(stop) if is_further_level(stop) else target_loss(report["runs"])


def term(measure: Report) -> Term:
    """Return a measure's label with its symbol."""
    return Term(measure.get("label") or measure["name"], measure.get("symbol") or "")


def measured(report: Report, stop: str) -> list[Report]:
    """Return the measures that have at least one number at ``stop``."""
    minima = [minimum["measurements"] for run in report["runs"] if (minimum := run["minima"].get(stop))]
    return [
        measure
        for measure in report["measures"]
        if any((each.get(measure["name"]) or {}).get("value") is not None for each in minima)
    ]


def points(report: Report, stop: str, measure: str) -> list[Point]:
    """Return every number of one measure at one stop; runs without it are left out."""
    found = []
    for run in report["runs"]:
        minimum = run["minima"].get(stop)
        row = minimum["measurements"].get(measure) if minimum else None
        if minimum is None or row is None or row.get("value") is None:
            continue
        found.append(
            Point(
                run=run["id"],
                optimizer=run["optimizer"],
                lr=run.get("lr"),
                lr_rank=run.get("lr_rank") or 0,
                seed=run.get("seed") or 0,
                value=row["value"],
                error=row.get("error"),
                converged=bool(row.get("converged")),
                comparable=comparable(run, stop),
                gaps={"gap_loss": minimum.get("gap_loss"), "gap_error": minimum.get("gap_error")},
            )
        )
    return found


def pairs(report: Report, stop: str, measure: str, other: str) -> list[Pair]:
    """Return the pairs of the first optimizer with another, as the statistics pair them."""
    found = {point.run: point for point in points(report, stop, measure)}
    matched, _ = find_pairs(report["runs"], other, report["optimizers"][0])
    ids = [(pair.denominator["id"], pair.numerator["id"]) for pair in matched]
    return [Pair(found[first], found[second]) for first, second in ids if first in found and second in found]


def typical(candidates: list[Point]) -> Point:
    """Return the comparable point with the median value, of two in the middle the lower: a run, with its own error."""
    candidates = [point for point in candidates if point.comparable] or candidates
    return sorted(candidates, key=lambda point: point.value)[(len(candidates) - 1) // 2]


def correlation(report: Report, stop: str, measure: str, gap: str, group: str) -> Report | None:
    """Return the rank correlation of one measure with one gap within one group of runs."""
    for row in relations(report, stop).get("correlations", []):
        if (row["measure"], row["gap"], row["group"]) == (measure, gap, group):
            return dict(row)
    return None


def ratios(report: Report, stop: str, measure: str, numerator: str) -> list[Report]:
    """Return the ratios of one optimizer to the first, over all pairs and by learning-rate rank."""
    rows = relations(report, stop).get("ratios", [])
    return [row for row in rows if (row["measure"], row["numerator"]) == (measure, numerator)]


def relations(report: Report, stop: str) -> Report:
    """Return what is related at one stop; nothing where there are no minima."""
    return (report.get("relations") or {}).get(stop) or {}


def run_name(report: Report, run_id: str) -> str:
    """Return a run as a person names it: optimizer, learning rate, network and data set of several, seed."""
    for run in report["runs"]:
        if run["id"] == run_id:
            lr = "" if run.get("lr") is None else f", lr {plain(run['lr'])}"
            on = "".join(f", {_factor(run, name)}" for name in grounds(report))
            return f"{run['optimizer']}{lr}{on}, seed {run.get('seed', 0)}"
    return run_id


def grounds(report: Report) -> list[str]:
    """Return which of network and data set, on which sharpness is measured, the study has several of."""
    return [name for name in ("model", "dataset") if len({_factor(run, name) for run in report["runs"]}) > 1]


def _factor(run: Report, name: str) -> str:
    return str((run.get("factors") or {}).get(name))
