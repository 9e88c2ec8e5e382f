"""Slices of the loss as surfaces that turn together, on one scale of colours and heights."""

import numpy as np
from matplotlib import colormaps
from matplotlib.colors import to_hex

from landscape.report.escape import for_html, shorten
from landscape.report.figures.axis_scale import tick_text
from landscape.report.folder import STOPS, Array, Report, Slice
from landscape.report.loss_scale import KINDS, LossScale, loss_scale
from landscape.report.page.plot import FONT, Plot, typed
from landscape.report.palette import look
from landscape.report.points import run_name

MOST_SURFACES = 4  # browsers give a page 16 drawing contexts, and each panel needs one
COLORS = [to_hex(colormaps["viridis"](step / 16)) for step in range(17)]


def surface_plots(report: Report, slices: list[Slice]) -> list[Plot]:
    """Return a train and a test surface for each of the first few slices, train surfaces first."""
    scale = loss_scale(slices)
    if scale is None:
        return []
    shown = slices[:MOST_SURFACES]
    return [
        _surface(report, each, kind, scale, f"surface-{kind}-{index}")
        for kind in KINDS
        for index, each in enumerate(shown)
    ]


def _surface(report: Report, each: Slice, kind: str, scale: LossScale, key: str) -> Plot:
    heights = scale.height(each.losses(kind))
    bottom, top = (float(end) for end in scale.height(np.array([scale.low, scale.high])))
    style = look(report["optimizers"], each.optimizer)
    name, stop = run_name(report, each.run), STOPS.get(each.stop, each.stop)
    surface = {
        "type": "surface",
        "x": typed(each.a),
        "y": typed(each.b),
        # Plotly wants rows along y; our losses are indexed [a, b].
        "z": typed(heights.T),
        "cmin": bottom,
        "cmax": top,
        "colorscale": [[index / (len(COLORS) - 1), color] for index, color in enumerate(COLORS)],
        "showscale": False,
        "hoverinfo": "text",
        "text": _texts(each, kind),
        "contours": {"z": {"highlight": False}, "x": {"highlight": False}, "y": {"highlight": False}},
        "lighting": {"ambient": 0.85, "diffuse": 0.3, "specular": 0.05},
    }
    center = each.center(kind)
    point = {
        "type": "scatter3d",
        "mode": "lines+markers",
        "x": [0, 0],
        "y": [0, 0],
        # A pin up to the top: the point itself lies in a hollow.
        "z": [float(scale.height(center)), top],
        "text": [f"trained point<br>{kind} loss {center:.4g}"] * 2,
        "hoverinfo": "text",
        "line": {"color": style.color, "width": 4},
        "marker": {"color": style.color, "size": [5, 4], "symbol": ["x", "circle"]},
    }
    return Plot(
        key=key,
        title=f"{kind} loss, {for_html(shorten(name, 60))}",
        label=f"Surface of the {kind} loss around the minimum of {name}, {stop}; it turns with the mouse.",
        traces=[surface, point],
        layout=_scene(scale, bottom, top),
        kind="surface",
    )


def _texts(each: Slice, kind: str) -> list[list[str]]:
    losses: Array = each.losses(kind)
    return [
        [f"a {a:.2g}, b {b:.2g}<br>{kind} loss {losses[i, j]:.3g}" for i, a in enumerate(each.a.tolist())]
        for j, b in enumerate(each.b.tolist())
    ]


def _scene(scale: LossScale, bottom: float, top: float) -> dict[str, object]:
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
