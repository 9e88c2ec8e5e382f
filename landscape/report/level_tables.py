"""Levels of the training loss, and epochs, side by side: the ratios there, and how well losses match."""

from typing import Any

from landscape.report import points as view
from landscape.report.folder import Report
from landscape.report.numbers import NOTHING, ratio_estimate
from landscape.report.primary import primary_notes
from landscape.report.table import Row, Table
from landscape.stops import END, MATCHED, is_epoch, is_level, level_text


def level_tables(report: Report) -> list[Table]:
    """Return both tables; without rows where the study has one level and no epochs."""
    return [levels(report), matching(report)]


def levels(report: Report) -> Table:
    """Return the paired ratio of each measure and optimizer, a column for each level, epoch and the end."""
    stops = view.side_stops(report)
    rows: list[Row] = []
    for measure in report["measures"]:
        for other in report["optimizers"][1:]:
            cells = [_ratio(report, stop, measure["name"], other) for stop in stops]
            if any(cell != NOTHING for cell in cells):
                rows.append((view.term(measure), f"{other} / {report['optimizers'][0]}", *cells))
    header = ("measure", "ratio of", *(stop_head(report, stop) for stop in stops))
    caption = (
        "Paired ratios at each level of the training loss, after epochs, and at the end, with their intervals; in "
        "each column only pairs whose losses match there."
    )
    level = (f"The primary level is training loss {_level(report, MATCHED)}.",) if MATCHED in stops else ()
    return Table("levels", caption, header, tuple(rows), names=2, notes=(*level, *primary_notes(report)))


def matching(report: Report) -> Table:
    """Return how many runs and pairs there are at each level, epoch and the end, and how far their losses differ."""
    rows: list[Row] = []
    for stop in view.side_stops(report):
        there = sum(stop in run["minima"] for run in report["runs"])
        for other in report["optimizers"][1:] or [""]:
            pairs = [row for row in view.relations(report, stop).get("matching", []) if row["numerator"] == other]
            named = f"{other} / {report['optimizers'][0]}" if other else NOTHING
            rows.append((stop_head(report, stop), named, f"{there} of {len(report['runs'])}", *_matched(stop, pairs)))
    header = ("at", "pairs of", "runs there", "pairs compared", "largest mismatch", "loss ratio")
    caption = (
        "How well training losses match: runs that got there, pairs that are compared, the largest distance of a "
        "compared run from the level, and the median over pairs of the ratio of their training losses with its range."
    )
    return Table("matching", caption, header, tuple(rows), names=2)


def stop_head(report: Report, stop: str) -> str:
    """Return a stop as the head of a column."""
    if is_level(stop):
        return f"loss {_level(report, stop)}"
    return stop.replace(":", " ") if is_epoch(stop) else "the end" if stop == END else stop


def _level(report: Report, stop: str) -> str:
    level = view.level(report, stop)
    # that of the primary level is worked out from what was found: without the rounding of its last digits
    return NOTHING if level is None else level_text(float(f"{level:.6g}"))


def _ratio(report: Report, stop: str, measure: str, other: str) -> str:
    rows = [row for row in view.ratios(report, stop, measure, other) if row["pairing"] == "all"]
    return ratio_estimate(rows[0]["ratio"], rows[0]["low"], rows[0]["high"]) if rows else NOTHING


def _matched(stop: str, pairs: list[dict[str, Any]]) -> tuple[str, str, str]:
    compared = [row for row in pairs if row["compared"]]
    off = [abs(each) for row in compared for each in row["mismatch"] if each is not None]
    ratios = sorted(row["loss_ratio"] for row in compared if row["loss_ratio"])
    largest = f"{100 * max(off):.1f} %" if off and is_level(stop) else NOTHING
    middle = ratio_estimate(ratios[len(ratios) // 2], ratios[0], ratios[-1]) if ratios else NOTHING
    return f"{len(compared)} of {len(pairs)}", largest, middle
