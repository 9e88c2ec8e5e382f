"""Sharpness against the generalization gap: small multiples, measure by gap."""

from collections.abc import Iterator
from typing import Any

from matplotlib.axes import Axes

from landscape.report import points as view
from landscape.report.figures.axis_scale import apply, axis_scale
from landscape.report.figures.canvas import (
    WIDTH,
    Drawing,
    LeftOut,
    canvas,
    explain_faint,
    legend_above,
    legend_handles,
    letters,
)
from landscape.report.figures.panels import CHARACTERS, Mark, columns_for, scatter, sheets
from landscape.report.folder import GAPS, Report
from landscape.report.numbers import estimate
from landscape.report.points import Point
from landscape.report.symbols import term_for_figure
from landscape.stops import file_name, stop_words

NAME = "sharpness_gap"
SHORT = {"gap_loss": "gap in loss", "gap_error": "gap in error"}


def sharpness_gap(report: Report) -> Iterator[Drawing | LeftOut]:
    """Yield, for each stop, one panel for each measure and each gap that is known."""
    drawn = 0
    for stop in view.main_stops(report):
        for suffix, part in sheets([each for each in view.measured(report, stop) if known_gaps(report, stop, each)]):
            yield _sheet(report, stop, f"{NAME}_{file_name(stop)}{suffix}", part)
            drawn += 1
    if not drawn:
        yield LeftOut(NAME, "no minimum has both a measured sharpness and a generalization gap")


def known_gaps(report: Report, stop: str, measure: Report) -> dict[str, list[Point]]:
    """Return, for each gap that is known at all, the points that have it."""
    points = view.points(report, stop, measure["name"])
    found = {gap: [point for point in points if point.gaps[gap] is not None] for gap in GAPS}
    return {gap: having for gap, having in found.items() if having}


def caption(stop: str) -> str:
    """Return what the panels show, in words."""
    return (
        f"Sharpness against the generalization gap {stop_words(stop)}, one point a run. τ is Kendall's coefficient "
        f"over all runs with its interval."
    )


def tau(report: Report, stop: str, measure: str, gap: str) -> str:
    """Return Kendall's coefficient over all runs with its interval, as the title of a panel."""
    kendall = (view.correlation(report, stop, measure, gap, "all") or {}).get("kendall") or {}
    if kendall.get("value") is None:
        return "τ not determined"
    return "τ = " + estimate(kendall["value"], kendall.get("low"), kendall.get("high"), decimals=2)


def _sheet(report: Report, stop: str, name: str, measures: list[Report]) -> Drawing:
    gaps = [gap for gap in GAPS if any(gap in known_gaps(report, stop, measure) for measure in measures)]
    columns = columns_for(len(measures))
    bands = -(-len(measures) // columns)
    figure = canvas({1: 3.6, 2: 5.8}.get(columns, WIDTH), 0.6 + 2.05 * bands * len(gaps))
    grid = figure.subplots(bands * len(gaps), columns, squeeze=False)
    numbers: dict[str, Any] = {}
    for index in range(bands * columns):
        for row, gap in enumerate(gaps):
            axes = grid[index // columns * len(gaps) + row, index % columns]
            points = known_gaps(report, stop, measures[index]).get(gap, []) if index < len(measures) else []
            if not points:
                axes.remove()
                continue
            _panel(axes, report, measures[index], gap, points, CHARACTERS[columns])
            title = tau(report, stop, measures[index]["name"], gap)
            axes.set_title(title, fontsize=letters(8))
            numbers.setdefault(measures[index]["name"], {})[gap] = {
                "title": title,
                "points": [point.numbers() | {"gap": point.gaps[gap]} for point in points],
            }
    shown = [point for measure in measures for points in known_gaps(report, stop, measure).values() for point in points]
    legend_above(figure, legend_handles(report, {(point.optimizer, point.lr_rank) for point in shown}))
    explain_faint(figure, any(not point.counted for point in shown))
    return Drawing(name, figure, caption(stop), {"stop": stop, "measures": numbers})


def _panel(axes: Axes, report: Report, measure: Report, gap: str, points: list[Point], width: int) -> None:
    scale = axis_scale([point.value for point in points])
    apply(axes.xaxis, scale, ticks=4)
    apply(axes.yaxis, axis_scale([point.gaps[gap] or 0.0 for point in points], log_from=float("inf")), ticks=4)
    marks = [
        Mark(point.optimizer, point.lr_rank, point.value, point.gaps[gap] or 0.0, point.error, counted=point.counted)
        for point in points
    ]
    scatter(axes, report["optimizers"], marks)
    axes.set_xlabel(term_for_figure(view.term(measure), width))
    axes.set_ylabel(SHORT[gap])
