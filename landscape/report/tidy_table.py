"""A study as one tidy table: a row for each run, stop and measure."""

import csv
import io
from typing import Any

from landscape.report.escape import for_csv
from landscape.report.folder import Report
from landscape.statistics.matched_loss import comparable

_RUN = ("run", "optimizer", "lr", "lr_rank", "seed")
_MINIMUM = (
    "epoch",
    "step",
    "train_loss",
    "test_loss",
    "train_accuracy",
    "test_accuracy",
    "gap_loss",
    "gap_error",
    "mismatch",
)
_MEASUREMENT = (
    "value",
    "error",
    "error_kind",
    "converged",
    "matvecs",
    "passes",
    "examples",
    "dtype",
    "seconds",
    "reason",
)


def tidy_table(report: Report) -> str:
    """Return the table as CSV (RFC 4180, lines end in a newline), its first line the names of the columns.

    A minimum at which nothing was measured has one row without a measure, a run without a minimum one row without a
    stop. ``compared`` says whether the statistics take the row: converged, and at a matched loss near its target.
    ``point`` is ``as trained``, or what the minimum was moved by without changing its function.

    A text that a spreadsheet would take for a formula has an apostrophe before it.

    Args:
        report: The content of a report.json.
    """
    factors = sorted({name for run in report["runs"] for name in run.get("factors") or {}} - {"lr"})
    header = (*_RUN, *factors, "status", "stop", *_MINIMUM, "point", "measure", *_MEASUREMENT, "compared")
    text = io.StringIO()
    writer = csv.DictWriter(text, header, restval="", lineterminator="\n")
    writer.writerow({name: for_csv(name) for name in header})
    for run in report["runs"]:
        about = {"run": run["id"], **{key: run.get(key) for key in _RUN[1:]}, "status": run["status"]}
        about |= {name: (run.get("factors") or {}).get(name) for name in factors}
        if not run["minima"]:
            writer.writerow(_cells(about))
        for stop, minimum in run["minima"].items():
            for row in _rows(minimum, comparable(run, stop)):
                writer.writerow(_cells({**about, "stop": stop, **{key: minimum.get(key) for key in _MINIMUM}, **row}))
    return text.getvalue()


def _rows(minimum: Report, fits: bool) -> list[dict[str, Any]]:
    points = {"as trained": minimum, **(minimum.get("moved") or {})}
    rows = []
    for point, there in points.items():
        for measure, found in (there.get("measurements") or {}).items():
            row = {key: found.get(key) for key in _MEASUREMENT}
            used = bool(found.get("converged")) and found.get("value") is not None and fits
            rows.append({"point": point, "measure": measure, **row, "compared": used})
    return rows or [{"point": "as trained"}]


def _cells(row: dict[str, Any]) -> dict[str, Any]:
    """Nothing is empty, truth is true or false, numbers keep all their digits, and no text is a formula."""
    words = {True: "true", False: "false", None: ""}
    return {
        key: words[each] if each is None or isinstance(each, bool) else for_csv(each) if isinstance(each, str) else each
        for key, each in row.items()
    }
