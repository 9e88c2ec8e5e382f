"""The page of a tracked training; it works offline."""

from typing import Any

import numpy as np

from landscape.report.escape import for_html, for_plotly
from landscape.report.figures.axis_scale import axis_scale, tick_text
from landscape.report.numbers import number
from landscape.report.page.document import document
from landscape.report.page.plot import Plot, axis, layout, rounded
from landscape.report.page.sections import Page, long_table, plain_text
from landscape.report.table_formats import as_html
from landscape.report.tracking import text
from landscape.report.tracking.curves import Curve, Panel, linear_below, linear_range, panels, steps, symmetric_ticks

BLIND = {
    "top eigenvalue": "Curvature along one direction over the measured examples; on a subset it is biased upward. With "
    "cross-entropy it falls with the training loss.",
    "edge": "Theory of the full batch on a quadratic with the preconditioner held still. With mini-batches the top "
    "eigenvalue stays below it by an amount that depends on the batch.",
    "batch sharpness": "The ratio of means E[g'Hg]/E[g'g] is drawn; the mean of ratios is in the files. Both are "
    "estimates over a few batches, in evaluation mode.",
    "change of the loss": "Over the measured examples in evaluation mode; the step itself saw its own batch.",
}


def track_page(result: dict[str, Any]) -> str:
    """Return the page of what `landscape.study.track.track` returned."""
    page = Page()
    page.add(_head(result))
    page.add('<main>\n<section id="curves"><h2>Along training</h2>\n')
    x = steps(result)
    page.draw([_plot(panel, x) for panel in panels(result)])
    page.add("</section>\n")
    table = text.rows_table(result, 60)
    page.add(f'<section id="stops-of"><h2>Stops</h2>{as_html(table)}</section>\n')
    _settings(page, result)
    items = "".join(f"<dt>{for_html(name)}</dt><dd>{for_html(each)}</dd>" for name, each in BLIND.items())
    page.add(f'<section id="blind-spots"><h2>What each number cannot see</h2><dl>{items}</dl></section>\n</main>\n')
    made = result["environment"]
    page.add(
        f"<footer><p>Written by landscape {for_html(made.get('landscape') or '')} on "
        f"{for_html(made.get('created') or '')}. For print: <code>figures/track.pdf</code>; all numbers: "
        f"<code>track.json</code>.</p></footer>\n"
    )
    return document(text.title(result), "".join(page.parts), page.plots)


def _head(result: dict[str, Any]) -> str:
    message = result["summary"]["message"]
    warnings = [*([message] if message else []), *text.unconverged(result)]
    listed = "".join(f'<li><span class="bad">!</span> {for_html(each)}</li>' for each in warnings)
    attention = f'<ul class="attention">{listed}</ul>' * bool(listed)
    return (
        f"<header><h1>{for_html(text.title(result))}</h1>"
        f'<div class="verdict"><p>{for_html(text.crossing_sentence(result))}</p></div>'
        f"<p>{for_html(text.settings_sentence(result))}</p><p>{for_html(text.cost_sentence(result))}</p>"
        f"{attention}</header>\n"
        "<noscript><p>The plots need JavaScript; the same figure is in the folder figures.</p></noscript>\n"
    )


def _plot(panel: Panel, x: np.ndarray[Any, Any]) -> Plot:
    values = np.concatenate([curve.y for curve in panel.curves])
    values = values[np.isfinite(values)]
    width = linear_below(panel.curves) if panel.scale == "symlog" else None
    y = axis(panel.axis, axis_scale([float(values.min()), float(values.max())], 3.0) if panel.scale == "log" else None)
    if width is not None:
        ticks = symmetric_ticks(values, width)
        y |= {"tickvals": rounded(np.arcsinh(np.array(ticks) / width)), "ticktext": [tick_text(tick) for tick in ticks]}
    elif panel.scale == "linear":
        y |= {"range": list(linear_range(values))}
    several = len(panel.curves) > 1
    legend = {"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0}
    return Plot(
        key=f"track-{panel.key}",
        title=f"{for_html(panel.title)}{f'<br><small>{for_html(panel.note)}</small>' * bool(panel.note)}",
        label=f"{panel.title} along training: {', '.join(curve.name for curve in panel.curves)}.",
        traces=[_trace(curve, x, width) for curve in panel.curves],
        layout=layout(
            axis("step"), y, height=320, showlegend=several, legend=legend, margin={"l": 62, "r": 14, "t": 30, "b": 46}
        ),
    )


def _trace(curve: Curve, x: np.ndarray[Any, Any], width: float | None) -> dict[str, Any]:
    y = curve.y if width is None else np.arcsinh(curve.y / width)
    lines = [
        f"step {step:g}<br>{for_plotly(curve.name)} {number(value, 4)}" for step, value in zip(x, curve.y, strict=True)
    ]
    if curve.error is not None:
        lines = [f"{line} ± {number(error, 2)}" for line, error in zip(lines, curve.error, strict=True)]
    return {
        "type": "scatter",
        "mode": "lines+markers" if len(x) <= 100 and not curve.dashed else "lines",
        "name": for_plotly(curve.name),
        "x": rounded(x),
        "y": rounded(y),
        "text": lines,
        "hoverinfo": "text",
        "line": {"color": curve.color, "width": 1.8, "dash": "dash" if curve.dashed else "solid"},
        "marker": {"color": curve.color, "size": 4},
    }


def _settings(page: Page, result: dict[str, Any]) -> None:
    page.add('<section id="settings"><h2>Settings and environment</h2>\n')
    page.add(f"<p>Command: <code>{for_html(result['environment'].get('command') or '')}</code></p>")
    for key, words in (("settings", "What was run"), ("environment", "Where it ran")):
        kept = {name: each for name, each in result[key].items() if each is not None and name != "command"}
        rows = tuple((name, plain_text(each)) for name, each in sorted(kept.items()))
        page.add(long_table(f"table-{key}", words, ("name", "value"), rows))
    page.add("</section>\n")
