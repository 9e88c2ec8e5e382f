"""Ratios against the level of the training loss as interactive plots."""

from typing import Any

from landscape.report import points as view
from landscape.report.escape import for_html, for_plotly
from landscape.report.figures.levels import Levels, level_ratios, level_scales, level_ticks
from landscape.report.folder import Report
from landscape.report.numbers import number, ratio_estimate
from landscape.report.page.plot import Plot, axis, layout, marker
from landscape.report.palette import look
from landscape.report.symbols import term_for_html


def level_plots(report: Report) -> list[Plot]:
    """Return one plot for each measure that has ratios at two levels or more."""
    found = [(measure, level_ratios(report, measure["name"])) for measure in report["measures"]]
    return [_plot(report, measure, levels, f"levels-{i}") for i, (measure, levels) in enumerate(found) if levels]


def _plot(report: Report, measure: Report, levels: Levels, key: str) -> Plot:
    x, y = level_scales([levels])
    across = axis("training loss", x)
    ticks = level_ticks(levels)
    across |= {"range": across["range"][::-1], "tickvals": list(ticks), "ticktext": list(ticks.values())}
    traces: list[dict[str, Any]] = []
    for other, rows in levels.items():
        style = look(report["optimizers"], other)
        low, high = ([abs((row[end] or row["ratio"]) - row["ratio"]) for row in rows] for end in ("low", "high"))
        bars = {"type": "data", "symmetric": False, "array": high, "arrayminus": low, "thickness": 1, "width": 3}
        traces.append(
            {
                "type": "scatter",
                "mode": "lines+markers",
                "x": [row["level"] for row in rows],
                "y": [row["ratio"] for row in rows],
                "error_y": bars | {"color": style.color},
                "marker": marker(style, 9),
                "line": {"color": style.color, "dash": style.dash, "width": 1.5},
                "hoverinfo": "text",
                "text": [_text(other, row) for row in rows],
            }
        )
    line = {"type": "line", "xref": "paper", "x0": 0, "x1": 1, "y0": 1, "y1": 1, "line": {"dash": "dash", "width": 1}}
    return Plot(
        key=key,
        title=f"{term_for_html(view.term(measure))}, ratio to {for_html(report['optimizers'][0])}",
        label=f"Ratio of {view.term(measure)} against the training loss; the table has the numbers.",
        traces=traces,
        layout=layout(across, axis("ratio", y), shapes=[line]),
    )


def _text(other: str, row: dict[str, Any]) -> str:
    numbers = ratio_estimate(row["ratio"], row["low"], row["high"])
    return f"{for_plotly(other)} at training loss {number(row['level'])}<br>{numbers}, {row['pairs']} pairs"
