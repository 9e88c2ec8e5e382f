"""Slices of the loss as surfaces that turn together, on one scale of colours and heights."""

import numpy as np

from landscape.report.escape import for_html, shorten
from landscape.report.folder import STOPS, Report, Slice
from landscape.report.loss_scale import KINDS, LossScale, loss_scale
from landscape.report.page.plot import Plot
from landscape.report.page.scene import height_trace, scene
from landscape.report.palette import look
from landscape.report.points import run_name

MOST_SURFACES = 4  # browsers give a page 16 drawing contexts, and each panel needs one


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
    bottom, top = (float(end) for end in scale.height(np.array([scale.low, scale.high])))
    style = look(report["optimizers"], each.optimizer)
    name, stop = run_name(report, each.run), STOPS.get(each.stop, each.stop)
    surface = height_trace(each.a, each.b, each.losses(kind), scale, kind)
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
        layout=scene(scale, bottom, top),
        kind="surface",
    )
