"""A tracked training: loss, sharpness against the edge, alignment, and what a step did against its expansion."""

import textwrap
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, NullLocator

from landscape.report.escape import for_figure
from landscape.report.figures.axis_scale import apply, axis_scale, tick_text
from landscape.report.figures.canvas import WIDTH, Drawing, canvas
from landscape.report.tracking.curves import Panel, linear_below, linear_range, panels, steps, symmetric_ticks
from landscape.report.tracking.text import crossing_sentence, title

NAME = "track"


def track_figure(result: dict[str, Any], name: str = NAME) -> Drawing:
    """Return the drawing of what `landscape.study.track.track` returned."""
    drawn, x = panels(result), steps(result)
    rows = -(-len(drawn) // 2)
    figure = canvas(WIDTH, 0.5 + 2.15 * rows)
    grid = figure.subplots(rows, 2, squeeze=False)
    for axes, panel in zip(grid.flat, drawn, strict=False):
        _panel(axes, panel, x)
    for axes in list(grid.flat)[len(drawn) :]:
        axes.set_visible(False)
    figure.suptitle(for_figure(title(result)), fontsize=9)
    numbers = {
        "step": x,
        **{
            panel.key: {curve.name: {"value": curve.y, "error": curve.error} for curve in panel.curves}
            for panel in drawn
        },
        "summary": result["summary"],
        "settings": result["settings"],
    }
    return Drawing(name, figure, caption(result), numbers)


def caption(result: dict[str, Any]) -> str:
    """Return what the panels show, in words."""
    return (
        f"{title(result)}: training loss, sharpness with its bound against the edge of stability (dashed), alignment "
        f"of gradient and update with the top eigenvector, and the change of the loss in a step beside what the "
        f"quadratic expansion says, over {result['settings']['examples']:,} examples. {crossing_sentence(result)}"
    )


def _panel(axes: Axes, panel: Panel, x: np.ndarray[Any, Any]) -> None:
    for curve in panel.curves:
        line = (0, (4, 1.5)) if curve.dashed else "-"
        single: dict[str, Any] = {"marker": "o", "markersize": 3} if len(x) == 1 else {}
        axes.plot(x, curve.y, color=curve.color, linestyle=line, linewidth=1.1, label=curve.name, **single)
        if curve.error is not None:
            axes.fill_between(x, curve.y - curve.error, curve.y + curve.error, color=curve.color, alpha=0.25, lw=0)
    _scale(axes, panel)
    apply(axes.xaxis, axis_scale([float(x[0]), float(x[-1])], np.inf, 0.02), whole=True)
    axes.set_title(panel.title)
    axes.set_ylabel(panel.axis)
    axes.set_xlabel("step")
    if len(panel.curves) > 1:
        axes.legend(loc="best")
    if panel.note:
        axes.text(0.02, 0.98, _wrapped(panel.note), transform=axes.transAxes, va="top", fontsize=7, color="#555555")


def _scale(axes: Axes, panel: Panel) -> None:
    values = np.concatenate([curve.y for curve in panel.curves])
    values = values[np.isfinite(values)]
    if panel.scale == "symlog":
        below = linear_below(panel.curves)
        axes.set_yscale("symlog", linthresh=below)
        axes.set_yticks(symmetric_ticks(values, below))
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: tick_text(value)))
        axes.yaxis.set_minor_locator(NullLocator())
        return
    scale = axis_scale([float(values.min()), float(values.max())], 3.0 if panel.scale == "log" else np.inf)
    if panel.scale == "linear":
        scale = axis_scale(list(linear_range(values)), np.inf, 0.02)
    apply(axes.yaxis, scale)


def _wrapped(text: str, width: int = 52) -> str:
    return "\n".join(textwrap.wrap(for_figure(text), width))
