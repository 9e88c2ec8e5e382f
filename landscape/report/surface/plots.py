"""The surface as heights that turn with the mouse."""

import numpy as np

from landscape.report.escape import for_html, for_plotly
from landscape.report.loss_scale import LossScale
from landscape.report.page.plot import Plot
from landscape.report.page.scene import height_trace, scene
from landscape.report.palette import ORANGE, VERMILION
from landscape.report.surface.grids import Grids


def surface_plots(grids: Grids, scale: LossScale) -> list[Plot]:
    """Return one plot for train and one for test loss, which turn together."""
    bottom, top = (float(end) for end in scale.height(np.array([scale.low, scale.high])))
    plots = []
    for kind in grids.kinds:
        traces = [height_trace(grids.axes[0], grids.axes[1], grids.loss(kind), scale, kind)]
        if grids.result["trajectory"]:
            traces += _way(grids, scale, kind)
        for mark in grids.result["marks"]:
            x, y = mark["coordinates"]
            loss = mark[f"{kind}_loss"]
            traces.append(
                {
                    "type": "scatter3d",
                    "mode": "lines+markers",
                    "x": [x, x],
                    "y": [y, y],
                    # a pin up to the top: the point itself lies in a hollow
                    "z": [float(scale.height(loss)), top],
                    "text": [f"{for_plotly(mark['name'])}<br>{kind} loss {loss:.4g}"] * 2,
                    "hoverinfo": "text",
                    "line": {"color": ORANGE, "width": 4},
                    "marker": {"color": ORANGE, "size": [5, 4], "symbol": ["x", "circle"]},
                }
            )
        plots.append(
            Plot(
                key=f"surface-{kind}",
                title=f"{kind} loss",
                label=f"Surface of the {kind} loss around {for_html(grids.result['name'])}; it turns with the mouse.",
                traces=traces,
                layout=scene(scale, bottom, top),
                kind="surface",
            )
        )
    return plots


def _way(grids: Grids, scale: LossScale, kind: str) -> list[dict[str, object]]:
    """Return the trajectory on the surface, at the height of the nearest grid point, and its part up to the slider."""
    a, b = grids.axes
    way = np.array(grids.result["trajectory"])
    near = [(int(np.abs(a - x).argmin()), int(np.abs(b - y).argmin())) for x, y in way]
    heights = [float(scale.height(grids.loss(kind)[place])) for place in near]
    trace: dict[str, object] = {
        "type": "scatter3d",
        "mode": "lines+markers",
        "x": way[:, 0].tolist(),
        "y": way[:, 1].tolist(),
        "z": heights,
        "text": [for_plotly(name) for name in checkpoint_names(grids)],
        "hoverinfo": "text",
    }
    whole = {"name": "way", "line": {"color": "#777777", "width": 2}, "marker": {"color": "#777777", "size": 2}}
    # the slider's script gives this one the first so many points of the other
    walked = {"name": "walked", "line": {"color": VERMILION, "width": 6}, "marker": {"color": VERMILION, "size": 4}}
    return [trace | whole, trace | walked]


def checkpoint_names(grids: Grids) -> list[str]:
    """Return the names of the checkpoints of a trajectory."""
    names: list[str] = grids.result["about"].get("checkpoints", [""] * len(grids.result["trajectory"]))
    return names
