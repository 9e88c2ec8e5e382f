"""Paired ratios against the level of the training loss at which the minima were taken."""

from collections.abc import Iterator
from typing import Any

from matplotlib.axes import Axes

from landscape.report import points as view
from landscape.report.escape import for_figure
from landscape.report.figures.axis_scale import AxisScale, apply, axis_scale
from landscape.report.figures.canvas import WIDTH, Drawing, LeftOut, canvas, markers
from landscape.report.figures.panels import CHARACTERS, columns_for, panel_grid, sheets
from landscape.report.folder import Report
from landscape.report.palette import look
from landscape.report.symbols import term_for_figure
from landscape.stops import is_level, level_text

NAME = "ratio_by_level"
CAPTION = (
    "Paired ratio of each measure to that of {first} against the training loss of the minima, over the pairs "
    "whose losses match there, with its interval. Training goes from left to right; on the dashed line both are equal."
)
Levels = dict[str, list[dict[str, Any]]]


def ratio_by_level(report: Report) -> Iterator[Drawing | LeftOut]:
    """Yield one panel for each measure that has ratios at two levels or more; nothing where a study has one level."""
    found = {each["name"]: known for each in report["measures"] if (known := level_ratios(report, each["name"]))}
    measures = [each for each in report["measures"] if each["name"] in found]
    for suffix, part in sheets(measures):
        yield _sheet(report, NAME + suffix, part, found)


def level_ratios(report: Report, measure: str) -> Levels:
    """Return the pooled ratios of a measure by optimizer, the highest level first; those with two levels or more."""
    found: Levels = {}
    for stop in view.side_stops(report):
        level = view.level(report, stop) if is_level(stop) else None
        for other in report["optimizers"][1:] if level else []:
            for row in view.ratios(report, stop, measure, other):
                if row["pairing"] == "all" and (row["ratio"] or 0) > 0:
                    point = {key: row[key] for key in ("ratio", "low", "high", "pairs")}
                    found.setdefault(other, []).append({"level": level, **point})
    return {other: rows for other, rows in found.items() if len(rows) > 1}


def level_scales(found: list[Levels]) -> tuple[AxisScale, AxisScale]:
    """Return the axes that show the levels and the ratios of some measures, and 1."""
    rows = [row for levels in found for each in levels.values() for row in each]
    x = axis_scale([row["level"] for row in rows], log_from=1.0)
    ratios = [row["ratio"] for row in rows]
    ends = [row[key] for row in rows for key in ("low", "high") if row[key]]
    # An interval that is hopelessly wide leaves the axis instead of squeezing all the others into a line.
    low = max(min([*ends, *ratios, 0.9]), min([*ratios, 0.9]) / 4)
    high = min(max([*ends, *ratios, 1.1]), max([*ratios, 1.1]) * 4)
    return x, axis_scale([low, high])


def level_ticks(levels: Levels) -> dict[float, str]:
    """Return the levels of some ratios with how they are written."""
    found = sorted({row["level"] for rows in levels.values() for row in rows})
    return {each: level_text(float(f"{each:.6g}")) for each in found}


def _sheet(report: Report, name: str, measures: list[Report], found: dict[str, Levels]) -> Drawing:
    figure = canvas(WIDTH, 1.0)
    kept = [found[measure["name"]] for measure in measures]
    shown = [other for other in report["optimizers"][1:] if any(other in levels for levels in kept)]
    for axes, measure in zip(panel_grid(figure, len(measures), 2.3), measures, strict=True):
        _panel(axes, report, measure, found[measure["name"]], shown)
    handles, labels = figure.axes[0].get_legend_handles_labels()
    for axes in figure.axes[1:]:
        for handle, label in zip(*axes.get_legend_handles_labels(), strict=True):
            if label not in labels:
                handles, labels = [*handles, handle], [*labels, label]
    columns = {1: 3, 2: 5}.get(columns_for(len(measures)), 7)
    figure.legend(handles, labels, loc="outside upper center", ncols=min(len(labels), columns))
    numbers = {measure["name"]: found[measure["name"]] for measure in measures}
    return Drawing(name, figure, CAPTION.format(first=report["optimizers"][0]), numbers)


def _panel(axes: Axes, report: Report, measure: Report, levels: Levels, shown: list[str]) -> None:
    x, y = level_scales([levels])
    apply(axes.xaxis, x)
    apply(axes.yaxis, y)
    ticks = level_ticks(levels)
    axes.set_xticks(list(ticks), list(ticks.values()))
    axes.invert_xaxis()
    axes.axhline(1.0, color="#666666", linestyle="--", linewidth=0.9)
    for other, rows in levels.items():
        style = look(report["optimizers"], other)
        # side by side, so that intervals at one level do not hide each other
        shift = (x.high / x.low) ** (0.012 * (shown.index(other) - (len(shown) - 1) / 2))
        axes.errorbar(
            [row["level"] / shift for row in rows],
            [row["ratio"] for row in rows],
            yerr=[
                [row["ratio"] - row["low"] if row["low"] else 0.0 for row in rows],
                [row["high"] - row["ratio"] if row["high"] else 0.0 for row in rows],
            ],
            **markers(style),
            linestyle=style.line,
            elinewidth=0.7,
            label=f"{for_figure(other, 16)} / {for_figure(report['optimizers'][0], 16)}",
        )
    axes.set_title(term_for_figure(view.term(measure), CHARACTERS[3]))
    axes.set_xlabel("training loss")
    axes.set_ylabel("ratio")
