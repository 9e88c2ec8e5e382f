"""The tables of a report, as cells of text that any format can print."""

from landscape.report import points as view
from landscape.report.factor_tables import ratios_within, rows_by_level
from landscape.report.factors import LEARNING_RATE, factor_words, factors, level, level_words
from landscape.report.folder import GAPS, Report
from landscape.report.level_tables import level_tables
from landscape.report.numbers import NOTHING, estimate, fixed, number, plain, ratio_estimate
from landscape.report.points import Point
from landscape.report.primary import primary_notes
from landscape.report.relation_tables import explanations, granulated, interventions, partials
from landscape.report.search_tables import drawn, searches
from landscape.report.table import Row, Table
from landscape.report.trade_off_tables import brief_trade_offs, trade_offs
from landscape.stops import stop_words

MOST_BESIDE = 3
"""With more optimizers than these a page does not show runs and ratios side by side."""


def main_tables(report: Report) -> list[Table]:
    """Return the tables that answer the question: sharpness and gap at every stop, then the trade-offs."""
    tables: list[Table] = []
    for stop in view.main_stops(report):
        tables += [sharpness(report, stop), ratios_within(report, stop), correlations(report, stop)]
        tables += [explanations(report, stop), interventions(report, stop)]
    return _filled([*tables, *level_tables(report), *trade_offs(report), searches(report)])


def brief_tables(report: Report) -> list[Table]:
    """Return narrow tables for a terminal: the first stop, levels side by side, and medians without their ranges."""
    tables = [*brief_trade_offs(report), searches(report)]
    for stop in view.stops(report)[:1]:
        own = [sharpness(report, stop), correlations(report, stop, brief=True), explanations(report, stop, brief=True)]
        tables = [*own, interventions(report, stop, brief=True), *level_tables(report)[:1], *tables]
    return _filled(tables)


def all_tables(report: Report) -> list[Table]:
    """Return the main tables, the ratios by learning rate, and every measurement of every run."""
    tables = main_tables(report)
    further = [stop for stop in view.stops(report) if stop not in view.main_stops(report)]
    for stop in further:
        tables += [sharpness(report, stop), correlations(report, stop)]
    for stop in view.stops(report):
        tables += [ratios_by_rank(report, stop), granulated(report, stop), partials(report, stop)]
        tables += measurements(report, stop)
    return _filled([*tables, *drawn(report)])


def _filled(tables: list[Table]) -> list[Table]:
    return [table for table in tables if table.rows]


def sharpness(report: Report, stop: str) -> Table:
    """Return the typical run of each optimizer by measure, and the paired ratios; of many optimizers these first."""
    optimizers = report["optimizers"]
    many = len(optimizers) > MOST_BESIDE
    heads = [list(optimizers), [f"{other} / {optimizers[0]}" for other in optimizers[1:]]]
    header = ["measure", *(name for part in (reversed(heads) if many else heads) for name in part)]
    rows: list[Row] = []
    for measure in view.measured(report, stop):
        every = view.points(report, stop, measure["name"])
        runs = [_typical([point for point in every if point.optimizer == name]) for name in optimizers]
        ratios = [_overall_ratio(report, stop, measure["name"], other) for other in optimizers[1:]]
        rows.append((view.term(measure), *(ratios + runs if many else runs + ratios)))
    ratio = f"; paired ratios with {_confidence(report, stop)} intervals" if len(optimizers) > 1 else ""
    caption = f"Sharpness {stop_words(stop)}: the median run ± its own error{ratio}."
    notes = (*_unconverged_note(rows), *_mixed(report), *_left_out(report, stop, "ratios", "Ratios"))
    notes = (*notes, *primary_notes(report))
    return Table(f"sharpness-{stop}", caption, tuple(header), tuple(rows), notes=notes)


def _typical(points: list[Point]) -> str:
    if not points:
        return NOTHING
    compared = [point for point in points if point.comparable] or points
    return view.typical(points)._replace(converged=all(each.converged for each in compared)).text


def _overall_ratio(report: Report, stop: str, measure: str, numerator: str) -> str:
    rows = [row for row in view.ratios(report, stop, measure, numerator) if row["pairing"] == "all"]
    return ratio_estimate(rows[0]["ratio"], rows[0]["low"], rows[0]["high"]) if rows else NOTHING


def _confidence(report: Report, stop: str) -> str:
    related = view.relations(report, stop)
    rows = [*related.get("ratios", []), *related.get("correlations", [])]
    return f"{100 * rows[0]['confidence']:g} %" if rows and rows[0].get("confidence") else "95 %"


def _unconverged_note(rows: list[Row]) -> tuple[str, ...]:
    if not any(str(cell).endswith("!") for row in rows for cell in row):
        return ()
    return ("! marks numbers that did not converge, or rest on some that did not.",)


def _mixed(report: Report) -> tuple[str, ...]:
    mixed = [{"model": "networks", "dataset": "data sets"}[name] for name in view.grounds(report)]
    return (f"Medians and ratios are over all {' and '.join(mixed)} together.",) if mixed else ()


def _left_out(report: Report, stop: str, kind: str, what: str) -> tuple[str, ...]:
    """Return a sentence on what the statistics over all runs or pairs left out, or computed differently."""
    rows = view.relations(report, stop).get(kind, [])
    known = {measure["name"]: measure for measure in report["measures"]}
    own = [row for row in rows if row["measure"] in known and "all" in (row.get("group"), row.get("pairing"))]
    several = len({row.get("numerator") for row in own}) > 1
    notes: dict[str, dict[str, None]] = {}
    for row in own:
        if row.get("note"):
            of = row["numerator"] if several and "numerator" in row else str(view.term(known[row["measure"]]))
            notes.setdefault(row["note"], {})[of] = None
    said = [note + (f" (of {', '.join(of)})" if len(notes) > 1 else "") for note, of in notes.items()]
    return (f"{what}: {'; '.join(said)}.",) if said else ()


def correlations(report: Report, stop: str, brief: bool = False) -> Table:
    """Return Kendall's coefficient of every measure with the gaps, over all runs and within each optimizer.

    Args:
        report: The content of a report.json.
        stop: Where along training the minima were taken.
        brief: A star for an interval that excludes zero, instead of the interval, within the optimizers.

    Returns:
        The table; rows without any coefficient are left out.
    """
    inside = report["optimizers"] if len(report["optimizers"]) > 1 else []
    rows: list[Row] = []
    for measure in view.measured(report, stop):
        for gap in GAPS:
            found = [view.correlation(report, stop, measure["name"], gap, group) for group in ("all", *inside)]
            cells = [_coefficient(found[0]), *(_coefficient(row, brief) for row in found[1:])]
            if any(cell != NOTHING for cell in cells):
                rows.append((view.term(measure), gap.removeprefix("gap_"), *cells))
    caption = (
        f"Kendall's τ of each measure with the generalization gap {stop_words(stop)}, "
        f"with {_confidence(report, stop)} intervals"
        + (" (within an optimizer a * where it excludes 0)." if brief and inside else ".")
    )
    header = ("measure", "gap in", "all runs", *(f"within {name}" for name in inside))
    notes = _left_out(report, stop, "correlations", "Coefficients over all runs")
    return Table(f"correlations-{stop}", caption, header, tuple(rows), names=2, notes=(*notes, *primary_notes(report)))


def _coefficient(row: Report | None, brief: bool = False) -> str:
    kendall = (row or {}).get("kendall") or {}
    value, low, high = (kendall.get(key) for key in ("value", "low", "high"))
    if not brief or value is None or low is None or high is None:
        return estimate(value, low, high, decimals=2)
    return fixed(value, 2) + ("*" if low > 0 or high < 0 else " ")


def ratios_by_rank(report: Report, stop: str) -> Table:
    """Return every paired ratio, over all pairs, at each learning-rate rank and at each level of other factors."""
    rows: list[Row] = []
    notes: dict[str, None] = {}
    for measure in view.measured(report, stop):
        for other in report["optimizers"][1:]:
            for row in view.ratios(report, stop, measure["name"], other):
                larger = row.get("probability_larger")
                pairing = _pairing(row["pairing"])
                rows.append(
                    (
                        view.term(measure),
                        f"{other} / {row['denominator']}",
                        pairing,
                        ratio_estimate(row["ratio"], row["low"], row["high"]),
                        ratio_estimate(row.get("median_ratio"), row.get("median_low"), row.get("median_high")),
                        estimate(larger, row.get("probability_low"), row.get("probability_high"), decimals=2),
                        number(row.get("p_holm"), 2),
                        f"{row['pairs']} ({row['seeds']})",
                    )
                )
                if row.get("note"):
                    notes[f"{pairing}: {row['note']}."] = None
        rows += rows_by_level(report, stop, measure)
    header = ("measure", "ratio of", "pairs by", "ratio", "median", "P(larger)", "p (Holm)", "pairs (seeds)")
    caption = (
        f"Paired ratios {stop_words(stop)} with {_confidence(report, stop)} intervals: same seed, same rank of the "
        f"learning rate. The median is over seeds; P(larger) is the share of pairs in which the first is larger, each "
        f"seed one trial; p is corrected over the measures, of levels of a factor over these."
    )
    return Table(f"ratios-{stop}", caption, header, tuple(rows), names=3, notes=(*notes, *primary_notes(report)))


def _pairing(pairing: str) -> str:
    if not pairing.startswith("lr_rank "):
        return "all"
    rank = pairing.removeprefix("lr_rank ")
    return f"lr no. {int(rank) + 1}" if rank.isdigit() else pairing


def measurements(report: Report, stop: str, columns: int = 4) -> list[Table]:
    """Return every measurement of every run with its error, ``columns`` measures a table."""
    measures = view.measured(report, stop)
    parts = [measures[start : start + columns] for start in range(0, len(measures), columns)]
    return [
        _measurements(report, stop, part, index, f", part {index}" if len(parts) > 1 else "")
        for index, part in enumerate(parts, start=1)
    ]


def _measurements(report: Report, stop: str, measures: list[Report], part: int, which: str) -> Table:
    numbers = {
        measure["name"]: {point.run: point.text for point in view.points(report, stop, measure["name"])}
        for measure in measures
    }
    rows: list[Row] = []
    varied = [name for name in factors(report) if name != LEARNING_RATE]
    for run in report["runs"]:
        minimum = run["minima"].get(stop)
        state = "diverged" if run["status"] == "diverged" else "not reached"
        cells = [numbers[measure["name"]].get(run["id"], NOTHING) if minimum else state for measure in measures]
        loss = number(minimum["train_loss"]) if minimum else NOTHING
        levels = [level_words(name, level(run, name)) for name in varied]
        rows.append((run["optimizer"], plain(run.get("lr")), *levels, str(run.get("seed", "")), loss, *cells))
    heads = ("optimizer", "lr", *(factor_words(name) for name in varied), "seed")
    header = (*heads, "train loss", *(str(view.term(measure)) for measure in measures))
    caption = f"Every measurement {stop_words(stop)} ± its error{which}."
    notes = _unconverged_note(rows)
    return Table(f"measurements-{stop}-{part}", caption, header, tuple(rows), names=len(heads), notes=notes)
