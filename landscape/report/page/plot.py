"""One interactive plot: plotly's JSON for the script, and the element that it is drawn into."""

import base64
import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from landscape.report.escape import for_html, for_plotly
from landscape.report.figures.axis_scale import AxisScale, log_ticks, tick_text
from landscape.report.palette import Look

FONT = {
    "family": "system-ui, -apple-system, 'Segoe UI', Roboto, 'DejaVu Sans', sans-serif",
    "size": 13,
    "color": "#222",
}
GRID = "#e4e4e4"
TITLE = 44  # characters of an axis title that a narrow screen has room for


@dataclass(frozen=True)
class Plot:
    """A plot of the page.

    Attributes:
        key: The id of its element.
        title: Its heading, as text.
        label: What it shows, for those who do not see it.
        traces: Plotly's traces. Every text in them is escaped, as plotly reads markup.
        layout: Plotly's layout.
        seconds: The other x coordinates of each trace, for the switch between epochs and seconds.
        colors: By factor, the colours of each trace's points, for the choice of what they are coloured by.
        kind: ``surface`` for those that turn together.
    """

    key: str
    title: str
    label: str
    traces: list[dict[str, Any]]
    layout: dict[str, Any]
    seconds: list[Any] = field(default_factory=list)
    colors: dict[str, list[list[str]]] = field(default_factory=dict)
    kind: str = ""

    def element(self) -> str:
        """Return the element, with the height that the plot will have, so that nothing moves when it is drawn."""
        return (
            f'<figure class="panel"><figcaption>{self.title}</figcaption>'
            f'<div class="plot {self.kind}" id="{self.key}" role="img" aria-label="{for_html(self.label)}" '
            f'style="height:{self.layout["height"]}px"></div></figure>\n'
        )

    def data(self) -> dict[str, Any]:
        """Return what the script needs to draw it."""
        return {"traces": self.traces, "layout": self.layout, "seconds": self.seconds, "colors": self.colors}


def layout(x: dict[str, Any], y: dict[str, Any], height: int = 300, **more: Any) -> dict[str, Any]:
    """Return the layout of a two-dimensional plot."""
    return {
        "font": FONT,
        "height": height,
        "margin": {"l": 62, "r": 14, "t": 8, "b": 46},
        "hovermode": "closest",
        "hoverlabel": {"align": "left", "font": {"size": 13}},
        "showlegend": False,
        "xaxis": x,
        "yaxis": y,
        **more,
    }


def axis(title: str, scale: AxisScale | None = None) -> dict[str, Any]:
    """Return an axis with an escaped title; a scale fixes its range, and its ticks when it is logarithmic."""
    common = {
        "title": {"text": for_plotly(title, TITLE), "standoff": 6},
        "gridcolor": GRID,
        "zeroline": False,
        "showline": True,
        "linecolor": "#888",
        "ticks": "outside",
        "tickcolor": "#888",
        "exponentformat": "power",
        "minexponent": 5,
        "automargin": True,
    }
    if scale is None:
        return common
    if not scale.log:
        return common | {"range": [scale.low, scale.high], "nticks": 6}
    ticks = log_ticks(scale)
    return common | {
        "type": "log",
        "range": [math.log10(scale.low), math.log10(scale.high)],
        "tickvals": ticks,
        "ticktext": [tick_text(tick) for tick in ticks],
    }


def marker(style: Look, size: float) -> dict[str, Any]:
    """Return plotly's marker of a look; an empty one is white, to hide what lies below."""
    empty = style.fill == "none"
    return {
        "symbol": style.symbol,
        "size": size,
        "color": "white" if empty else style.color,
        "line": {"color": style.color if empty or style.fill == "full" else "white", "width": 1.6},
    }


def typed(values: np.ndarray[Any, Any]) -> dict[str, str]:
    """Return an array as plotly's base64 of 32-bit floats: a third of the size of its digits."""
    array = np.ascontiguousarray(values, dtype="<f4")
    coded = {"dtype": "f4", "bdata": base64.b64encode(array.tobytes()).decode()}
    return coded | ({"shape": ", ".join(map(str, array.shape))} if array.ndim > 1 else {})


def rounded(values: np.ndarray[Any, Any]) -> list[float | None]:
    """Return an array as a list of numbers with five digits, what is not finite as null."""
    return [float(f"{value:.5g}") if math.isfinite(value) else None for value in values.tolist()]
