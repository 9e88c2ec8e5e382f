"""Paired sharpness: two optimizers from the same weights on the same data, run against run, and their ratio."""

from collections.abc import Iterator
from typing import Any

from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from landscape.report import points as view
from landscape.report.escape import for_figure
from landscape.report.figures.axis_scale import apply, axis_scale
from landscape.report.figures.canvas import WIDTH, Drawing, LeftOut, canvas, explain_faint, legend_above, legend_handles
from landscape.report.figures.panels import CHARACTERS, Mark, columns_for, panel_grid, scatter, sheets
from landscape.report.folder import Report
from landscape.report.numbers import plain
from landscape.report.points import Pair
from landscape.report.symbols import term_for_figure
from landscape.stops import file_name, stop_words

NAME = "paired_sharpness"


def paired_sharpness(report: Report) -> Iterator[Drawing | LeftOut]:
    """Yield, for each stop, scatter plots of the other optimizers against the first, one panel a measure."""
    if len(report["optimizers"]) < 2:
        yield LeftOut(NAME, "there is only one optimizer, so there are no pairs")
        return
    drawn = 0
    for stop in view.main_stops(report):
        found = {
            measure["name"]: every
            for measure in report["measures"]
            if (every := all_pairs(report, stop, measure["name"]))
        }
        measures = [measure for measure in report["measures"] if measure["name"] in found]
        for suffix, part in sheets(measures):
            yield _sheet(report, stop, f"{NAME}_{file_name(stop)}{suffix}", part, found)
            drawn += 1
    if not drawn:
        yield LeftOut(NAME, "no two runs of different optimizers share a seed and a learning-rate rank")


def all_pairs(report: Report, stop: str, measure: str) -> list[Pair]:
    """Return the pairs of every other optimizer with the first, for one measure."""
    _, *others = report["optimizers"]
    return [pair for other in others for pair in view.pairs(report, stop, measure, other)]


def caption(stop: str) -> str:
    """Return what the panels show, in words."""
    return (
        f"Paired sharpness {stop_words(stop)}: each point is one seed and learning-rate rank, trained with both "
        f"optimizers from the same weights on the same order of data. On the dashed line both minima are equally sharp."
    )


def _sheet(report: Report, stop: str, name: str, measures: list[Report], found: dict[str, list[Pair]]) -> Drawing:
    figure = canvas(WIDTH, 1.0)
    for axes, measure in zip(panel_grid(figure, len(measures), 2.6), measures, strict=True):
        _panel(axes, report, measure, found[measure["name"]], CHARACTERS[columns_for(len(measures))])
    shown = [pair for measure in measures for pair in found[measure["name"]]]
    legend_above(figure, _handles(report, shown))
    explain_faint(figure, any(not pair.counted for pair in shown))
    numbers = {measure["name"]: [_pair_numbers(pair) for pair in found[measure["name"]]] for measure in measures}
    return Drawing(name, figure, caption(stop), {"stop": stop, "pairs": numbers})


def _handles(report: Report, pairs: list[Pair]) -> list[Line2D]:
    """Return one handle for each kind of pair, naming both learning rates."""
    handles = legend_handles(report, {(pair.other.optimizer, pair.other.lr_rank) for pair in pairs})
    first_lrs = {pair.other.lr_rank: pair.first.lr for pair in pairs}
    ranks = sorted({(pair.other.lr_rank, report["optimizers"].index(pair.other.optimizer)) for pair in pairs})
    for handle, (rank, _) in zip(handles, ranks, strict=True):
        if first_lrs[rank] is not None:
            first = for_figure(report["optimizers"][0], 24)
            handle.set_label(f"{handle.get_label()} / {first}, lr {plain(first_lrs[rank])}")
    return handles


def _panel(axes: Axes, report: Report, measure: Report, pairs: list[Pair], width: int) -> None:
    scale = axis_scale([point.value for pair in pairs for point in (pair.first, pair.other)])
    apply(axes.xaxis, scale, ticks=4)
    apply(axes.yaxis, scale, ticks=4)
    axes.plot([scale.low, scale.high], [scale.low, scale.high], color="#666666", linestyle="--", linewidth=0.9)
    marks = [
        Mark(
            pair.other.optimizer,
            pair.other.lr_rank,
            pair.first.value,
            pair.other.value,
            pair.first.error,
            pair.other.error,
            pair.counted,
        )
        for pair in pairs
    ]
    scatter(axes, report["optimizers"], marks)
    axes.set_box_aspect(1)
    axes.set_title(term_for_figure(view.term(measure), width))
    axes.set_xlabel(for_figure(report["optimizers"][0], 24))
    others = list(dict.fromkeys(pair.other.optimizer for pair in pairs))
    axes.set_ylabel(for_figure(others[0], 24) if len(others) == 1 else "other optimizer")


def _pair_numbers(pair: Pair) -> dict[str, Any]:
    ratio = pair.other.value / pair.first.value if pair.first.value else None
    return {"first": pair.first.numbers(), "other": pair.other.numbers(), "ratio": ratio, "counted": pair.counted}
