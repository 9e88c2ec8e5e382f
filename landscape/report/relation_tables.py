"""What each measure has to do with the gap, and what interventions do to both, as tables."""

from typing import Any

from landscape.report import points as view
from landscape.report.escape import one_line
from landscape.report.folder import GAPS, Report
from landscape.report.numbers import NOTHING, estimate, number, ratio_estimate
from landscape.report.primary import exploratory_notes
from landscape.report.symbols import Term
from landscape.report.table import Cell, Row, Table
from landscape.stops import stop_words

BASELINE = "learning_rate"
_GIVEN = {
    "learning_rate": "learning rate",
    "train_loss": "training loss",
    "weight_norm": "weight norm",
    "margin": "margin",
    "all": "all of these",
}


def explanations(report: Report, stop: str, brief: bool = False) -> Table:
    """Return what is left of each measure beside the hyper-parameters: one row a measure and gap.

    Args:
        report: The content of a report.json.
        stop: Where along training the minima were taken.
        brief: The gap in loss alone.
    """
    rows: list[Row] = []
    lacking: dict[str, dict[str, None]] = {}
    for name, term in _measures(report, stop):
        for gap in ["gap_loss"] if brief else list(GAPS):
            found = {
                "Ψ": _one(report, stop, "granulated", name, gap, axis="mean"),
                "ψ": _one(report, stop, "granulated", name, gap, axis="lr"),
                "ρ": _one(report, stop, "partial", name, gap, group="all", given="learning_rate"),
                "K": _one(report, stop, "information", name, gap, given=["least"]),
            }
            mean, along, partial, information = map(_interval, found.values())
            beats = "baseline" if name == BASELINE else _beats(_one(report, stop, "against_learning_rate", name, gap))
            worst = _worst(_one(report, stop, "sign_errors", name, gap, weighted=False))
            cells = [mean, along, beats, partial, information, worst]
            if any(cell not in (NOTHING, "baseline", "undecided") for cell in cells):
                rows.append((term, *([] if brief else [gap.removeprefix("gap_")]), *cells))
                for symbol, record in found.items():
                    if record.get("value") is not None and record.get("low") is None and record.get("note"):
                        lacking.setdefault(record["note"], {})[symbol] = None
    header = (
        "measure",
        *([] if brief else ["gap in"]),
        "Ψ",
        "ψ lr",
        "|ψ lr| against lr's",
        "ρ given lr",
        "K",
        "worst sign-error",
    )
    caption = (
        f"What each measure tells of the gap{' in loss' if brief else ''} {stop_words(stop)} beside the "
        f"hyper-parameters: Ψ, Kendall's coefficient along one hyper-parameter at a time, averaged (Jiang et al. "
        f"2020), and ψ along the learning rate, with whether it beats that of the learning rate alone; Spearman's "
        f"partial coefficient given optimizer, network, data set and learning rate; K, the least information given two "
        f"hyper-parameters (0 to 1); the sign-error in the worst environment (Dziugaite et al. 2020; 0.5 is chance)."
    )
    bare = [f"{', '.join(of)} without an interval: {note.split(': ', 1)[-1]}." for note, of in lacking.items()]
    notes = (*bare, *exploratory_notes(report))
    return Table(f"explanations-{stop}", caption, header, tuple(rows), names=1 if brief else 2, notes=notes)


def all_of(report: Report, stop: str) -> list[tuple[Table, str]]:
    """Return all tables of this file for a page, each with the words that it is folded under, if it is."""
    return [
        (explanations(report, stop), ""),
        (interventions(report, stop), ""),
        (granulated(report, stop), "Along each hyper-parameter"),
        (partials(report, stop), "Given what else differs"),
    ]


def partials(report: Report, stop: str) -> Table:
    """Return the partial rank correlations with the gap in loss and in error over all runs, by what is given."""
    records = [each for each in view.relations(report, stop).get("partial", []) if each["group"] == "all"]
    given = [key for key in _GIVEN if any(each["given"] == key and each["value"] is not None for each in records)]
    rows: list[Row] = []
    for name, term in _measures(report, stop):
        for gap in GAPS:
            cells = [_interval(_one(report, stop, "partial", name, gap, group="all", given=key)) for key in given]
            if any(cell != NOTHING for cell in cells):
                rows.append((term, gap.removeprefix("gap_"), *cells))
    caption = (
        f"Spearman's partial coefficient of each measure with the gap {stop_words(stop)} over all runs, given the "
        f"optimizer and the column's name."
    )
    header = ("measure", "gap in", *(_GIVEN[key] for key in given))
    return Table(f"partial-{stop}", caption, header, tuple(rows), names=2, notes=exploratory_notes(report))


def granulated(report: Report, stop: str) -> Table:
    """Return the granulated coefficients along every axis."""
    records = view.relations(report, stop).get("granulated", [])
    axes = list(dict.fromkeys(each["axis"] for each in records if each["value"] is not None))
    rows: list[Row] = []
    for name, term in _measures(report, stop):
        for gap in GAPS:
            cells = [_interval(_one(report, stop, "granulated", name, gap, axis=axis)) for axis in axes]
            if any(cell != NOTHING for cell in cells):
                rows.append((term, gap.removeprefix("gap_"), *cells))
    caption = f"Kendall's coefficient along each hyper-parameter, all others and the seed fixed, {stop_words(stop)}."
    return Table(
        f"granulated-{stop}",
        caption,
        ("measure", "gap in", *axes),
        tuple(rows),
        names=2,
        notes=exploratory_notes(report),
    )


def interventions(report: Report, stop: str, brief: bool = False) -> Table:
    """Return a row for each intervention and measure: what was moved, by how much, what the gap did.

    Args:
        report: The content of a report.json.
        stop: Where along training the minima were taken.
        brief: The gap in loss alone.
    """
    terms = dict(_measures(report, stop))
    rows: list[Row] = []
    for each in view.relations(report, stop).get("interventions", []):
        if each["ratio"] is None or each["measure"] not in terms or (brief and each["gap"] != "gap_loss"):
            continue
        done = f"{each['kind']}, {each['optimizer']}: {each['before']} → {each['after']}"
        if each["control"]:
            done += " (control)"
        rows.append(
            (
                one_line(done),
                terms[each["measure"]],
                *([] if brief else [each["gap"].removeprefix("gap_")]),
                ratio_estimate(each["ratio"], each["ratio_low"], each["ratio_high"]),
                estimate(each["gap_change"], each["gap_low"], each["gap_high"]),
                each["answer"],
            )
        )
    caption = (
        f"Interventions {stop_words(stop)}: the factor by which each measure was moved, by how much the gap"
        f"{' in loss' if brief else ''} changed, and whether it followed; same seed, all else fixed."
    )
    header = ("done", "measure", *([] if brief else ["gap in"]), "measure moved", "gap changed", "answer")
    return Table(
        f"interventions-{stop}", caption, header, tuple(rows), names=2 if brief else 3, notes=exploratory_notes(report)
    )


def _measures(report: Report, stop: str) -> list[tuple[str, Cell]]:
    known: list[tuple[str, Cell]] = [(each["name"], view.term(each)) for each in view.measured(report, stop)]
    names = [name for name, _ in known]
    return known if BASELINE in names else [*known, (BASELINE, Term("learning rate alone", ""))]


def _one(report: Report, stop: str, kind: str, measure: str, gap: str, **keys: Any) -> Report:
    """Return the first record of a kind that agrees in these keys, an empty one where there is none."""
    wanted = {"measure": measure, "gap": gap, **keys}
    for each in view.relations(report, stop).get(kind, []):
        if all(each.get(key) == value for key, value in wanted.items()):
            return dict(each)
    return {}


def _interval(record: Report) -> str:
    return estimate(record.get("value"), record.get("low"), record.get("high"), decimals=2)


def _beats(record: Report) -> str:
    return str(record.get("answer") or NOTHING)


def _worst(record: Report) -> str:
    if record.get("worst") is None:
        return NOTHING
    return f"{number(record['worst'], 2)} of {record['environments']}"
