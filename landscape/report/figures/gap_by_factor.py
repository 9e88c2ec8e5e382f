"""Sharpness against the gap, coloured by what differs between runs: small multiples, factor by measure."""

from collections.abc import Iterator
from typing import Any

from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from landscape.report import points as view
from landscape.report.escape import for_figure
from landscape.report.factors import LEARNING_RATE, factor_words, factors, level, level_colors, level_words
from landscape.report.figures.axis_scale import apply, axis_scale
from landscape.report.figures.canvas import FAINT, WIDTH, Drawing, canvas, explain_faint
from landscape.report.figures.panels import CHARACTERS, sheets
from landscape.report.figures.sharpness_gap import SHORT, known_gaps
from landscape.report.folder import GAPS, Report
from landscape.report.points import Point
from landscape.report.symbols import term_for_figure
from landscape.stops import file_name, stop_words

NAME = "gap_by_factor"
_COLUMNS = 3
_MARKERS = "osD^vP"


def gap_by_factor(report: Report) -> Iterator[Drawing]:
    """Yield, for each stop, a row for each factor and a column for each measure, where more than lr varies."""
    varied = factors(report)
    if not varied.keys() - {LEARNING_RATE}:
        return
    for stop in view.main_stops(report):
        gap = next((gap for gap in GAPS if any(gap in known_gaps(report, stop, m) for m in report["measures"])), "")
        measures = [each for each in view.measured(report, stop) if gap in known_gaps(report, stop, each)]
        for suffix, part in sheets(measures, _COLUMNS):
            yield _sheet(report, stop, gap, f"{NAME}_{file_name(stop)}{suffix}", part, varied)


def _sheet(
    report: Report, stop: str, gap: str, name: str, measures: list[Report], varied: dict[str, list[Any]]
) -> Drawing:
    runs = {run["id"]: run for run in report["runs"]}
    count = len(measures)
    figure = canvas({1: 3.8, 2: 5.8}.get(count, WIDTH), 0.5 + 1.8 * len(varied))
    grid = figure.subplots(len(varied), count, squeeze=False, sharex="col", sharey=True)
    numbers: dict[str, Any] = {}
    found = {measure["name"]: known_gaps(report, stop, measure)[gap] for measure in measures}
    every = [point for points in found.values() for point in points]
    heights = axis_scale([point.gaps[gap] or 0.0 for point in every], log_from=float("inf"))
    for j, measure in enumerate(measures):
        points = found[measure["name"]]
        for i, (factor, levels) in enumerate(varied.items()):
            own = [levels.index(level(runs[point.run], factor)) for point in points]
            _panel(grid[i, j], points, gap, own, level_colors(len(levels)))
            apply(grid[i, j].yaxis, heights, ticks=4)
            if j == count - 1:
                _legend(grid[i, j], factor, levels)
        grid[-1, j].set_xlabel(term_for_figure(view.term(measure), CHARACTERS[count]))
        numbers[measure["name"]] = [
            point.numbers()
            | {"gap": point.gaps[gap], "levels": {factor: level(runs[point.run], factor) for factor in varied}}
            for point in points
        ]
    for i in range(len(varied)):
        grid[i, 0].set_ylabel(SHORT[gap])
    explain_faint(figure, any(not point.counted for point in every))
    caption = (
        f"The {SHORT[gap]} against each measure {stop_words(stop)}, one point a run, the same points in every row: "
        f"coloured by {', by '.join(map(factor_words, varied))}."
    )
    return Drawing(name, figure, caption, {"stop": stop, "gap": gap, "measures": numbers})


def _panel(axes: Axes, points: list[Point], gap: str, own: list[int], colors: list[str]) -> None:
    apply(axes.xaxis, axis_scale([point.value for point in points]), ticks=3)
    groups: dict[tuple[int, bool], list[Point]] = {}
    for point, index in zip(points, own, strict=True):
        groups.setdefault((index, point.counted), []).append(point)
    for (index, counted), group in groups.items():
        axes.plot(
            [point.value for point in group],
            [point.gaps[gap] or 0.0 for point in group],
            _MARKERS[index % len(_MARKERS)],
            color=colors[index],
            markersize=3.6,
            alpha=1.0 if counted else FAINT,
        )


def _legend(axes: Axes, factor: str, levels: list[Any]) -> None:
    """Name the levels beside the row."""
    marks: list[Any] = [
        Line2D([], [], marker=_MARKERS[index % len(_MARKERS)], color=color, linestyle="none")
        for index, color in enumerate(level_colors(len(levels)))
    ]
    axes.legend(
        marks,
        [for_figure(level_words(factor, each), 14) for each in levels],
        title=for_figure(factor_words(factor), 18),
        loc="upper left",
        bbox_to_anchor=(1.02, 1.0),
        borderaxespad=0.0,
        handlelength=1.0,
        alignment="left",
    )
