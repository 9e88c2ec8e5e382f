"""The search for hyper-parameters as tables: what was picked for each optimizer, and all that was drawn."""

from typing import Any

from landscape.report.folder import Report
from landscape.report.numbers import NOTHING, fixed, number, plain
from landscape.report.table import Row, Table

_SCORES = {"validation_accuracy": "val. acc. (%)", "validation_loss": "val. loss"}


def searches(report: Report) -> Table:
    """Return what was picked for each optimizer, its score, and what of its budget failed."""
    search = report.get("search") or {"optimizers": []}
    names = list(dict.fromkeys(space["name"] for each in search["optimizers"] for space in each["space"]))
    rows: list[Row] = []
    for each in search["optimizers"]:
        best, edges = each["drawn"][each["best"]], {edge["name"] for edge in each["edges"]}
        picked = [
            plain(best["values"][name]) + "*" * (name in edges) if name in best["values"] else NOTHING for name in names
        ]
        rows.append(
            (each["optimizer"], _score(best, each["judged_by"]), str(each["spent"]), str(each["failed"]), *picked)
        )
    if not rows:
        return Table("search", "", (), ())
    header = ("optimizer", _SCORES[search["optimizers"][0]["judged_by"]], "drawn", "failed", *map(_words, names))
    caption = (
        f"Hyper-parameters picked from {search['budget']} configurations drawn for each optimizer, by "
        f"{search['validation_examples']} validation examples held out of the training set; those that failed or "
        f"diverged count as drawn. The runs of the study train on all of it."
    )
    starred = any(str(cell).endswith("*") for row in rows for cell in row)
    notes = ("* at the edge of its range: a better one may lie beyond.",) if starred else ()
    return Table("search", caption, header, tuple(rows), notes=notes)


def _words(name: str) -> str:
    return name.replace("_", " ")


def drawn(report: Report) -> list[Table]:
    """Return a table for each optimizer with every configuration drawn for it, the best first."""
    return [_drawn(each) for each in (report.get("search") or {"optimizers": []})["optimizers"]]


def _drawn(search: dict[str, Any]) -> Table:
    names = [each["name"] for each in search["space"]]
    accuracy = search["judged_by"] == "validation_accuracy"
    rows: list[Row] = []
    for row in sorted(search["drawn"], key=_order):
        scores = [_score(row, key) for key in _SCORES if accuracy or key == "validation_loss"]
        state = "picked" if row["index"] == search["best"] else "" if row["status"] == "finished" else row["status"]
        rows.append((str(row["index"] + 1), *(plain(row["values"][name]) for name in names), *scores, state))
    ranges = "; ".join(
        f"{each['name']} {each['low']:g} to {each['high']:g}" + (" (by 1 − x)" if each["complement"] else "")
        for each in search["space"]
    )
    caption = f"Every configuration drawn for {search['optimizer']}, log-uniform: {ranges}."
    titles = [title for key, title in _SCORES.items() if accuracy or key == "validation_loss"]
    return Table(f"drawn-{search['optimizer']}", caption, ("no.", *map(_words, names), *titles, ""), tuple(rows))


def search_edges(report: Report) -> list[str]:
    """Return a sentence for each optimizer whose best configuration lies at an end of its range."""
    notes = []
    for each in (report.get("search") or {"optimizers": []})["optimizers"]:
        if each["edges"]:
            named = [f"{edge['name']} {plain(edge['value'])} near {plain(edge['end'])}" for edge in each["edges"]]
            flags = [f"--tune-range {each['optimizer']}.{edge['name']}=LOW,HIGH" for edge in each["edges"]]
            notes.append(
                f"The best configuration drawn for {each['optimizer']} lies at the edge of its range "
                f"({', '.join(named)}): a better one may lie beyond. Widen it with "
                f"{' '.join(flags)}."
            )
    return notes


def _order(row: dict[str, Any]) -> tuple[bool, float, float, int]:
    loss = row["validation_loss"]
    return loss is None, -(row["validation_accuracy"] or 0.0), loss or 0.0, row["index"]


def _score(row: dict[str, Any], key: str) -> str:
    if row[key] is None:
        return NOTHING
    return fixed(100 * row[key], 1) if key == "validation_accuracy" else number(row[key])
