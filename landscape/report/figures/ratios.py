"""The ratio of every measure between paired runs, with its interval: a forest plot."""

import textwrap
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from landscape.report import points as view
from landscape.report.escape import for_figure
from landscape.report.figures.axis_scale import AxisScale, apply
from landscape.report.figures.canvas import WIDTH, Drawing, LeftOut, canvas, legend_above, markers
from landscape.report.folder import Report
from landscape.report.palette import look
from landscape.report.symbols import term_for_figure
from landscape.stops import stop_words

NAME = "sharpness_ratios"
MOST_ROWS = 12
"""With more rows the figure shows pooled ratios alone, a line each, to stay within a page."""
Row = tuple[Report, str, list[dict[str, Any]]]


def sharpness_ratios(report: Report) -> Iterator[Drawing | LeftOut]:
    """Yield one figure: a row for each measure (and other optimizer), a column for each main stop."""
    found = {stop: rows for stop in view.main_stops(report) if (rows := ratio_rows(report, stop))}
    if not found:
        one = len(report["optimizers"]) < 2
        yield LeftOut(NAME, "there is only one optimizer" if one else "no ratio could be computed")
        return
    count = max(len(rows) for rows in found.values())
    titles = {stop: textwrap.wrap(stop_words(stop), max(20, 60 // len(found))) for stop in found}
    above = 0.17 * (max(map(len, titles.values())) - 1)
    dense = count > MOST_ROWS
    row = 0.22 if dense else 0.42 if len(report["optimizers"]) == 2 else 0.55
    figure = canvas(WIDTH, 1.2 + above + row * count)
    grid = figure.subplots(1, len(found), squeeze=False)[0]
    scale = ratio_scale([row for rows in found.values() for row in rows])
    for axes, (stop, rows) in zip(grid, found.items(), strict=True):
        _panel(axes, report, rows, ratio_scale(_pooled(rows)) if dense else scale, dense)
        axes.set_title("\n".join(titles[stop]))
        if axes is not grid[0] and [_key(row) for row in rows] == [_key(row) for row in found[next(iter(found))]]:
            axes.set_yticklabels([])
    legend_above(figure, [] if dense else _handles(report, [row for rows in found.values() for row in rows]))
    numbers = {stop: [ratio for _, _, ratios in rows for ratio in ratios] for stop, rows in found.items()}
    yield Drawing(NAME, figure, caption(report, dense), numbers)


def caption(report: Report, dense: bool = False) -> str:
    """Return what the rows show, in words; ``dense`` ones show all pairs alone."""
    shown = (
        "all pairs with their interval, each panel on an axis of its own"
        if dense
        else "thick, all pairs with their interval; thin below it, the pairs of each learning rate"
    )
    return (
        f"Ratio of each measure to that of {report['optimizers'][0]} over pairs of runs: {shown}. Left of the dashed "
        f"line the minima are flatter."
    )


def _pooled(rows: list[Row]) -> list[Row]:
    """Return the rows with the ratios over all pairs alone."""
    return [(measure, other, [each for each in ratios if each["pairing"] == "all"]) for measure, other, ratios in rows]


def _handles(report: Report, rows: list[Row]) -> list[Line2D]:
    """Return a handle for all pairs, and one for those of each learning rate."""
    other = rows[0][1]
    ranks = sorted({_rank(ratio["pairing"]) for row in rows for ratio in row[2] if ratio["pairing"] != "all"})
    if not ranks:
        return []
    gray: dict[str, Any] = {"color": "#555555", "markerfacecolor": "white"}
    handles = [Line2D([], [], **gray, marker="D", markersize=6, linewidth=2.4, label="all pairs")]
    for rank in ranks:
        marker = look(report["optimizers"], other, rank).marker
        handles.append(
            Line2D([], [], **gray, marker=marker, markersize=3.5, linewidth=0.8, label=f"learning rate no. {rank + 1}")
        )
    return handles


def _key(row: Row) -> tuple[str, str]:
    return row[0]["name"], row[1]


def ratio_rows(report: Report, stop: str) -> list[Row]:
    """Return (measure, other optimizer, its positive ratios) for each that has any."""
    rows = []
    for measure in view.measured(report, stop):
        for other in report["optimizers"][1:]:
            # A logarithmic axis has no place for a ratio of zero or below (eigenvalues of different sign).
            known = [row for row in view.ratios(report, stop, measure["name"], other) if (row["ratio"] or 0) > 0]
            if known:
                rows.append((measure, other, known))
    return rows


def ratio_scale(rows: list[Row]) -> AxisScale:
    """Return the axis that shows the ratios of all ``rows`` and 1: logarithmic, unless they are close together."""
    ratios = [ratio for row in rows for ratio in row[2]]
    ends = [ratio[key] for ratio in ratios for key in ("ratio", "low", "high") if (ratio[key] or 0) > 0]
    centers = [ratio["ratio"] for ratio in ratios]
    # An interval that is hopelessly wide leaves the axis instead of squeezing all the others into a line.
    low = max(min([*ends, 0.8]), min([*centers, 0.8]) / 10)
    high = min(max([*ends, 1.25]), max([*centers, 1.25]) * 10)
    pad = (high / low) ** 0.05
    # where a logarithm has no round numbers to show, it is nearly a straight line
    return AxisScale(low / pad, high * pad, high / low > 2.5)


def _panel(axes: Axes, report: Report, rows: list[Row], scale: AxisScale, dense: bool) -> None:
    apply(axes.xaxis, scale)
    axes.axvline(1.0, color="#666666", linestyle="--", linewidth=0.9)
    for index, (_, other, ratios) in enumerate(rows):
        ranks = [ratio for ratio in ratios if ratio["pairing"] != "all"]
        for ratio in ratios:
            if dense and ratio in ranks:
                continue
            thick = ratio["pairing"] == "all"
            rank = 0 if thick else _rank(ratio["pairing"])
            below = 0.0 if thick else 0.18 + 0.42 * (ranks.index(ratio) + 0.5) / len(ranks)
            _interval(axes, report, ratio, other, rank, index + below, thick)
    first = report["optimizers"][0]
    several = len(report["optimizers"]) > 2
    labels = [term_for_figure(view.term(measure), 34) for measure, _, _ in rows]
    if several:
        labels = [
            term_for_figure(replace(view.term(measure), symbol=""), 34)
            + (f", {for_figure(other, 16)}" if dense else f"\n{for_figure(other, 16)} / {for_figure(first, 16)}")
            for measure, other, _ in rows
        ]
    if dense:
        labels = [label.replace("\n", "  ") for label in labels]
    axes.set_yticks(range(len(rows)), labels)
    axes.set_ylim(len(rows) - (0.5 if dense else 0.3), -0.5 if dense else -0.4)
    axes.grid(visible=False, axis="y")
    other = for_figure(rows[0][1], 16) if not several else "other"
    axes.set_xlabel(f"ratio {other} / {for_figure(first, 16)}")


def _interval(
    axes: Axes, report: Report, ratio: dict[str, Any], other: str, rank: int, height: float, thick: bool
) -> None:
    style = look(report["optimizers"], other, rank)
    low, high = ratio["low"], ratio["high"]
    if low is not None and high is not None:
        axes.plot(
            [max(low, 1e-300), high],
            [height] * 2,
            color=style.color,
            linewidth=2.4 if thick else 0.8,
            alpha=1 if thick else 0.7,
        )
    axes.plot(
        ratio["ratio"],
        height,
        **(markers(style) | {"marker": "D"} if thick else markers(style)),
        markersize=6 if thick else 3.5,
    )


def _rank(pairing: str) -> int:
    rank = pairing.removeprefix("lr_rank ")
    return int(rank) if rank.isdigit() else 0
