"""A loss over a plane as heights in an interactive plot: its trace, its axes, its colour scale."""

from typing import Any

import numpy as np
from matplotlib import colormaps
from matplotlib.colors import to_hex

from landscape.report.figures.axis_scale import tick_text
from landscape.report.folder import Array
from landscape.report.loss_scale import LossScale
from landscape.report.page.plot import FONT, typed

COLORS = [to_hex(colormaps["viridis"](step / 16)) for step in range(17)]


def height_trace(a: Array, b: Array, losses: Array, scale: LossScale, kind: str) -> dict[str, Any]:
    """Return plotly's surface of losses indexed [a, b], with hover values."""
    heights = scale.height(losses)
    bottom, top = (float(end) for end in scale.height(np.array([scale.low, scale.high])))
    return {
        "type": "surface",
        "x": typed(a),
        "y": typed(b),
        # Plotly wants rows along y; our losses are indexed [a, b].
        "z": typed(heights.T),
        "cmin": bottom,
        "cmax": top,
        "colorscale": [[index / (len(COLORS) - 1), color] for index, color in enumerate(COLORS)],
        "showscale": False,
        "hoverinfo": "text",
        "text": _texts(a, b, losses, kind),
        "contours": {"z": {"highlight": False}, "x": {"highlight": False}, "y": {"highlight": False}},
        "lighting": {"ambient": 0.85, "diffuse": 0.3, "specular": 0.05},
    }


def _texts(a: Array, b: Array, losses: Array, kind: str) -> list[list[str]]:
    return [
        [f"a {x:.2g}, b {y:.2g}<br>{kind} loss {losses[i, j]:.3g}" for i, x in enumerate(a.tolist())]
        for j, y in enumerate(b.tolist())
    ]


def scene(scale: LossScale, bottom: float, top: float) -> dict[str, object]:
    """Return the layout of a surface, its heights from ``bottom`` to ``top``."""
    levels = _few(scale, 5)
    flat = {
        "gridcolor": "#ddd",
        "backgroundcolor": "#f7f7f7",
        "showbackground": True,
        "showspikes": False,
        "nticks": 5,
        "zeroline": False,
    }
    z = flat | {
        "title": {"text": ""},
        "range": [bottom, top],
        "tickvals": [float(scale.height(level)) for level in levels],
        "ticktext": [tick_text(level) for level in levels],
    }
    return {
        "font": FONT | {"size": 11},
        "height": 380,
        "margin": {"l": 0, "r": 0, "t": 0, "b": 0},
        "showlegend": False,
        "scene": {
            "xaxis": flat | {"title": {"text": "a"}},
            "yaxis": flat | {"title": {"text": "b"}},
            "zaxis": z,
            "aspectmode": "manual",
            "aspectratio": {"x": 1, "y": 1, "z": 0.75},
            "camera": {"eye": {"x": 1.38, "y": -1.5, "z": 1.22}, "center": {"x": 0, "y": 0, "z": -0.1}},
            "dragmode": "turntable",
        },
    }


def _few(scale: LossScale, most: int) -> list[float]:
    """Return at most ``most`` of the levels, evenly."""
    levels = list(scale.levels) or [scale.low, scale.high]
    return levels[:: -(-len(levels) // most)]


def color_bar(scale: LossScale) -> str:
    """Return the one colour scale of all slices as HTML."""
    bottom, top = (float(end) for end in scale.height(np.array([scale.low, scale.high])))
    places = {level: 100 * (float(scale.height(level)) - bottom) / (top - bottom) for level in _few(scale, 7)}
    ticks = "".join(
        f'<span style="left:{at:.1f}%;transform:translateX(-{at:.1f}%)">{tick_text(level)}</span>'
        for level, at in places.items()
    )
    label = f"Colour scale of all slices: loss from {scale.low:.3g} to {scale.high:.3g}"
    return (
        f'<div class="colors" role="img" aria-label="{label}">'
        f'<div class="ramp" style="background:linear-gradient(to right,{",".join(COLORS)})"></div>'
        f'<div class="ticks">{ticks}</div><p>loss{" (logarithmic colours and heights)" * scale.log}</p></div>\n'
    )
