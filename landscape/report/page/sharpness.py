"""Pairs, ratios and sharpness against the gap as interactive plots."""

from typing import Any

from landscape.report import points as view
from landscape.report.escape import for_html, for_plotly
from landscape.report.factors import factors, level, level_colors
from landscape.report.figures.axis_scale import axis_scale
from landscape.report.figures.canvas import FAINT
from landscape.report.figures.paired import all_pairs
from landscape.report.figures.ratios import ratio_rows, ratio_scale
from landscape.report.figures.sharpness_gap import SHORT, known_gaps, tau
from landscape.report.folder import Report
from landscape.report.numbers import number, plain, ratio_estimate
from landscape.report.page.plot import Plot, axis, layout, marker
from landscape.report.palette import look
from landscape.report.points import Pair, Point
from landscape.report.symbols import term_for_html


def ratio_plots(report: Report, stop: str) -> list[Plot]:
    """Return the ratios of all measures with their intervals as one plot, or none without any."""
    rows = ratio_rows(report, stop)
    if not rows:
        return []
    first, *others = report["optimizers"]
    several = len(others) > 1
    traces, notes = [], []
    for index, (measure, other, ratios) in enumerate(rows):
        known = [ratio for ratio in ratios if ratio["pairing"] == "all"] or ratios
        numbers = ratio_estimate(known[0]["ratio"], known[0]["low"], known[0]["high"])
        name = f"{view.term(measure)}, {other}" if several else str(view.term(measure))
        notes.append(_above(index, f"{name}: {numbers}"))
        traces += _interval(report, known[0], other, -index)
    line = {"type": "line", "yref": "paper", "y0": 0, "y1": 1, "x0": 1, "x1": 1, "line": {"dash": "dash", "width": 1}}
    y = axis("") | {"showticklabels": False, "ticks": "", "showgrid": False, "range": [0.4 - len(rows), 0.75]}
    plot_layout = layout(axis("ratio", ratio_scale(rows)), y, 70 + 46 * len(rows), shapes=[line], annotations=notes)
    plot_layout["margin"] = {"l": 14, "r": 14, "t": 8, "b": 46}
    label = f"Ratios of {len(rows)} measures between paired runs with their intervals; the table has the numbers."
    title = f"Ratio {'other' if several else for_html(others[0])} / {for_html(first)} over all pairs; dashed: equal"
    return [Plot(f"ratios-{stop}-plot", title, label, traces, plot_layout)]


def _above(index: int, text: str) -> dict[str, Any]:
    """Return the name of a row, above its interval, so that a narrow screen keeps its width for the interval."""
    place = {"xref": "paper", "x": 0, "xanchor": "left", "y": -index, "yanchor": "bottom", "yshift": 7}
    return place | {"text": for_plotly(text), "showarrow": False, "align": "left", "bgcolor": "white", "borderpad": 1}


def _interval(report: Report, ratio: dict[str, Any], other: str, height: int) -> list[dict[str, Any]]:
    style = look(report["optimizers"], other)
    value, low, high = ratio["ratio"], ratio["low"], ratio["high"]
    text = f"{ratio_estimate(value, low, high)}<br>{ratio['pairs']} pairs, {ratio['seeds']} seeds"
    common = {"type": "scatter", "hoverinfo": "text"}
    ends = [low, high] if low is not None and high is not None else []
    line = {"mode": "lines", "x": ends, "y": [height] * len(ends), "line": {"color": style.color, "width": 4}}
    point = {"mode": "markers", "x": [value], "y": [height], "marker": marker(style, 12) | {"symbol": "diamond"}}
    return [common | line | {"text": [text] * len(ends)}, common | point | {"text": [text]}]


def pair_plots(report: Report, stop: str) -> list[Plot]:
    """Return one scatter plot a measure: the other optimizers against the first, pair by pair."""
    plots = []
    for index, measure in enumerate(report["measures"]):
        pairs = all_pairs(report, stop, measure["name"]) if len(report["optimizers"]) > 1 else []
        if pairs:
            plots.append(_pairs(report, measure, pairs, f"pairs-{stop}-{index}"))
    return plots


def _pairs(report: Report, measure: Report, pairs: list[Pair], key: str) -> Plot:
    scale = axis_scale([point.value for pair in pairs for point in (pair.first, pair.other)])
    ends = {"x0": scale.low, "y0": scale.low, "x1": scale.high, "y1": scale.high}
    traces = []
    for kind in dict.fromkeys(_kind(pair.other, pair.counted) for pair in pairs):
        group = [pair for pair in pairs if _kind(pair.other, pair.counted) == kind]
        optimizer = group[0].other.optimizer
        trace = _points(report, *kind)
        trace |= {
            "x": [pair.first.value for pair in group],
            "y": [pair.other.value for pair in group],
            "error_x": _bars(report, optimizer, [pair.first.error for pair in group]),
            "error_y": _bars(report, optimizer, [pair.other.error for pair in group]),
            "text": [_pair_text(pair) for pair in group],
        }
        traces.append(trace)
    others = {pair.other.optimizer for pair in pairs}
    return Plot(
        key=key,
        title=term_for_html(view.term(measure)),
        label=f"Scatter plot of {view.term(measure)} of {len(pairs)} pairs of runs; on the diagonal both are equal.",
        traces=traces,
        layout=layout(
            axis(report["optimizers"][0], scale),
            axis(others.pop() if len(others) == 1 else "other optimizer", scale),
            shapes=[{"type": "line", **ends, "line": {"dash": "dash", "width": 1, "color": "#666"}}],
        ),
    )


def _pair_text(pair: Pair) -> str:
    ratio = number(pair.other.value / pair.first.value) if pair.first.value else "–"
    lines = [f"{for_plotly(point.run)}: {point.text}" for point in (pair.first, pair.other)]
    return "<br>".join([*lines, f"seed {pair.other.seed}, ratio {ratio}"])


def gap_plots(report: Report, stop: str) -> list[Plot]:
    """Return one scatter plot a measure and gap."""
    colors = {factor: run_colors(report, factor, levels) for factor, levels in factors(report).items()}
    return [
        _gap(report, colors, stop, measure, gap, points, f"gap-{stop}-{index}-{gap}")
        for index, measure in enumerate(report["measures"])
        for gap, points in known_gaps(report, stop, measure).items()
    ]


def run_colors(report: Report, factor: str, levels: list[Any]) -> dict[str, str]:
    """Return the colour of each run by its level of a factor."""
    of_level = dict(zip(map(repr, levels), level_colors(len(levels)), strict=True))
    return {run["id"]: of_level[repr(level(run, factor))] for run in report["runs"]}


def _gap(
    report: Report,
    colors: dict[str, dict[str, str]],
    stop: str,
    measure: Report,
    gap: str,
    points: list[Point],
    key: str,
) -> Plot:
    traces = []
    colored: dict[str, list[list[str]]] = {factor: [] for factor in colors}
    for kind in dict.fromkeys(_kind(point, point.counted) for point in points):
        group = [point for point in points if _kind(point, point.counted) == kind]
        optimizer = group[0].optimizer
        trace = _points(report, *kind)
        trace |= {
            "x": [point.value for point in group],
            "y": [point.gaps[gap] for point in group],
            "error_x": _bars(report, optimizer, [point.error for point in group]),
            "text": [_point_text(point, gap) for point in group],
        }
        traces.append(trace)
        for factor, of_run in colors.items():
            colored[factor].append([of_run[point.run] for point in group])
    coefficient = tau(report, stop, measure["name"], gap)
    return Plot(
        key=key,
        title=coefficient,
        label=f"Scatter plot of the {SHORT[gap]} against {view.term(measure)}, {len(points)} runs; {coefficient}.",
        traces=traces,
        layout=layout(
            axis(str(view.term(measure)), axis_scale([point.value for point in points])), axis(SHORT[gap]), 280
        ),
        colors=colored,
    )


def _point_text(point: Point, gap: str) -> str:
    return (
        f"{for_plotly(point.run)}<br>lr {plain(point.lr)}, seed {point.seed}<br>"
        f"{point.text}<br>{SHORT[gap]} {number(point.gaps[gap])}"
    )


def _kind(point: Point, counted: bool) -> tuple[str, int, bool]:
    """Return what the points of one trace have in common."""
    return point.optimizer, point.lr_rank, counted


def _points(report: Report, optimizer: str, rank: int, counted: bool) -> dict[str, Any]:
    style = look(report["optimizers"], optimizer, rank)
    return {
        "type": "scatter",
        "mode": "markers",
        "hoverinfo": "text",
        "marker": marker(style, 9),
        "opacity": 1 if counted else FAINT,
    }


def _bars(report: Report, optimizer: str, errors: list[float | None]) -> dict[str, Any]:
    color = look(report["optimizers"], optimizer).color
    return {"type": "data", "array": [error or 0 for error in errors], "thickness": 1, "width": 0, "color": color}
