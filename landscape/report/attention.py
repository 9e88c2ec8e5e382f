"""What a reader must know before trusting a number: runs that failed, numbers that did not converge, caveats."""

from collections import Counter

from landscape.report import points as view
from landscape.report.folder import Report
from landscape.report.search_tables import search_edges
from landscape.stops import is_average, stop_words


def attention(report: Report) -> list[str]:
    """Return one sentence for each kind of failure in a study, with how often it came about."""
    runs = report["runs"]
    diverged = [run for run in runs if run["status"] == "diverged"]
    missed = [run for run in runs if not run["reached"] and run["status"] != "diverged"]
    notes = []
    if diverged:
        notes.append(f"{len(diverged)} of {len(runs)} runs diverged and have no minimum.")
    if missed and any((run.get("history") or {}).get("epoch") for run in missed):
        notes.append(f"{len(missed)} of {len(runs)} runs never reached the target loss; they have no matched minimum.")
    if (report.get("primary") or {}).get("named") == "after":
        notes.append("The primary question was named, or changed, after runs were there: it is exploratory.")
    notes += [*search_edges(report), *_averages(report), *_unmoved(report)]
    for stop in view.stops(report):
        converged = [
            bool(row.get("converged"))
            for run in runs
            if stop in run["minima"]
            for row in run["minima"][stop]["measurements"].values()
            if row.get("value") is not None
        ]
        if not all(converged):
            bad = converged.count(False)
            notes.append(f"{bad} of {len(converged)} numbers {stop_words(stop)} did not converge.")
    return notes


def _averages(report: Report) -> list[str]:
    """Return what is not as it should be with averages of the weights, each once."""
    found = {
        f"{stop}: {minimum['note']}": None
        for run in report["runs"]
        for stop, minimum in run["minima"].items()
        if is_average(stop) and minimum.get("note")
    }
    return list(found)


def _unmoved(report: Report) -> list[str]:
    """Return which minima could not be moved without changing their function, and why."""
    found = Counter(
        (point, moved["reason"])
        for run in report["runs"]
        for minimum in run["minima"].values()
        for point, moved in (minimum.get("moved") or {}).items()
        if moved.get("reason")
    )
    return [f"{count} minima have no {point} point: {reason}." for (point, reason), count in found.items()]


def unconverged(report: Report) -> list[tuple[str, str, str, str, str]]:
    """Return (run, stop, measure, value with error, reason) of every number that is missing or did not converge."""
    found = []
    for stop in view.stops(report):
        for measure in report["measures"]:
            texts = {point.run: point.text for point in view.points(report, stop, measure["name"])}
            for run in report["runs"]:
                minimum = run["minima"].get(stop)
                row = minimum["measurements"].get(measure["name"]) if minimum else None
                if minimum is None or (row and row.get("converged") and row.get("value") is not None):
                    continue
                reason = (row or {}).get("reason") or "not measured"
                found.append((run["id"], stop, str(view.term(measure)), texts.get(run["id"], "missing"), reason))
    return found


def caveats(report: Report) -> list[tuple[str, str]]:
    """Return (measure, caveat) for each distinct caveat that a measurement carries, in the order of the measures."""
    found: dict[tuple[str, str], None] = {}
    for measure in report["measures"]:
        for run in report["runs"]:
            for minimum in run["minima"].values():
                row = minimum["measurements"].get(measure["name"])
                if row and row.get("caveat"):
                    found[str(view.term(measure)), row["caveat"]] = None
    return list(found)
