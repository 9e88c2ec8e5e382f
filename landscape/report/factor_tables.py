"""The paired ratios within each level of a factor: a ratio over two networks may be that of neither."""

from landscape.report import points as view
from landscape.report.factors import factor_words
from landscape.report.folder import Report
from landscape.report.numbers import NOTHING, number, ratio_estimate
from landscape.report.primary import exploratory_notes
from landscape.report.table import Row, Table
from landscape.stops import stop_words

MOST_LEVELS = 6


def ratios_within(report: Report, stop: str) -> Table:
    """Return the ratio of each measure and optimizer within each network, data set and other factor of few levels."""
    records = view.relations(report, stop).get("ratios_by_level", [])
    heads = _heads(list(dict.fromkeys((each["factor"], each["level"]) for each in records)))
    found = {(each["measure"], each["numerator"], each["factor"], each["level"]): each for each in records}
    rows: list[Row] = []
    for measure in view.measured(report, stop):
        for other in report["optimizers"][1:]:
            own = [found.get((measure["name"], other, *head)) for head in heads]
            if any(each and each["ratio"] is not None for each in own):
                cells = [ratio_estimate(each["ratio"], each["low"], each["high"]) if each else NOTHING for each in own]
                rows.append((view.term(measure), f"{other} / {report['optimizers'][0]}", *cells))
    header = ("measure", "ratio of", *(f"{factor_words(factor)} {level}" for factor, level in heads))
    caption = f"Paired ratios {stop_words(stop)} within each level of what else the study varies, with their intervals."
    return Table(f"within-{stop}", caption, header, tuple(rows), names=2, notes=exploratory_notes(report))


def rows_by_level(report: Report, stop: str, measure: Report) -> list[Row]:
    """Return a row for each level of each factor, as the table of all ratios has them; p is corrected over levels."""
    return [
        (
            view.term(measure),
            f"{row['numerator']} / {row['denominator']}",
            f"{factor_words(row['factor'])} {row['level']}",
            ratio_estimate(row["ratio"], row["low"], row["high"]),
            ratio_estimate(row.get("median_ratio"), row.get("median_low"), row.get("median_high")),
            number(row.get("probability_larger"), 2),
            number(row.get("p_holm"), 2),
            f"{row['pairs']} ({row['seeds']})",
        )
        for row in view.relations(report, stop).get("ratios_by_level", [])
        if row["measure"] == measure["name"]
    ]


def _heads(levels: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """The factors of few levels, as many as fit beside each other; the first has its place whatever it needs."""
    counts = [factor for factor, _ in levels]
    few = [each for each in levels if counts.count(each[0]) <= MOST_LEVELS]
    kept: list[tuple[str, str]] = []
    for factor in dict.fromkeys(factor for factor, _ in few):
        own = [each for each in few if each[0] == factor]
        if not kept or len(kept) + len(own) <= MOST_LEVELS:
            kept += own
    return kept
