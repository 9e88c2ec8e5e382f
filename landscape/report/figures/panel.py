"""One panel of filled contours with labelled levels, marked points and a path."""

from typing import Any

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import BoundaryNorm, ListedColormap
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from landscape.report.escape import for_figure
from landscape.report.figures.axis_scale import tick_text
from landscape.report.folder import Array
from landscape.report.loss_scale import LossScale
from landscape.report.palette import BLACK, ORANGE, VERMILION

MARKERS = ("X", "o", "s", "^", "D")
_EQUAL = (0.4, 2.5)  # ratios of height to width between which a panel can be read


def loss_edges(scale: LossScale) -> Array:
    """Return the losses at which colours change."""
    return np.array(sorted({scale.low, *scale.levels, scale.high}))


def loss_panel(axes: Axes, a: Array, b: Array, losses: Array, scale: LossScale) -> None:
    """Draw losses, indexed [a, b], as bands of colour between labelled contour lines."""
    edges = loss_edges(scale)
    heights, at = scale.height(losses).T, scale.height(edges)
    colors = colormaps["viridis"](np.linspace(0, 1, len(edges) - 1))
    filled = axes.contourf(a, b, heights, levels=at, colors=colors, extend="neither")
    filled.set_rasterized(True)
    inside = [level for level in at[1:-1] if heights.min() < level < heights.max()]
    if inside:
        names = {level: tick_text(float(f"{loss:.3g}")) for level, loss in zip(at[1:-1], scale.levels, strict=True)}
        shades = ["white" if level < at[0] + 0.6 * (at[-1] - at[0]) else "black" for level in inside]
        lines = axes.contour(a, b, heights, levels=inside, colors=shades, linewidths=0.6)
        axes.clabel(lines, fmt=names, fontsize=6.5, inline_spacing=2)
    finish(axes, a, b)


def difference_panel(figure: Figure, axes: Axes, a: Array, b: Array, values: Array, label: str) -> None:
    """Draw differences, indexed [a, b], from blue (negative, hatched) through white to red, with labelled lines."""
    finite = values[np.isfinite(values)]
    # a few points far out would leave one colour for the rest
    top = float(np.quantile(np.abs(finite), 0.95)) if finite.size else 1.0
    top = top or 1.0
    shown = np.clip(np.where(np.isfinite(values), values, top), -top, top).T
    levels = MaxNLocator(9, symmetric=True).tick_values(-top, top)
    filled = axes.contourf(a, b, shown, levels=levels, cmap="RdBu_r", vmin=levels[0], vmax=levels[-1], extend="both")
    filled.set_rasterized(True)
    inside = [level for level in levels if shown.min() < level < shown.max()]
    if inside:
        lines = axes.contour(a, b, shown, levels=inside, colors=BLACK, linewidths=0.4)
        axes.clabel(lines, fmt=lambda level: tick_text(float(f"{level:.3g}")), fontsize=6.5)
    bar = figure.colorbar(filled, ax=axes, aspect=25, pad=0.02)
    if shown.min() < 0 < shown.max():
        # blue and red are one grey in black and white
        below = axes.contourf(a, b, shown, levels=[2 * levels[0], 0.0], colors="none", hatches=["////"])
        below.set(edgecolor=(0, 0, 0, 0.45), linewidth=0.0)
        below.set_rasterized(True)
        label = f"{label}, hatched below 0".removeprefix(", ")
    bar.set_label(label)
    finish(axes, a, b)


def loss_bar(figure: Figure, axes: Any, scale: LossScale) -> None:
    """Draw the colour scale of the losses beside some panels."""
    edges = loss_edges(scale)
    colors = ListedColormap(colormaps["viridis"](np.linspace(0, 1, len(edges) - 1)))
    norm = BoundaryNorm(edges, len(edges) - 1)
    bar = figure.colorbar(ScalarMappable(norm, colors), ax=axes, spacing="uniform", aspect=25, pad=0.02)
    bar.set_ticks(list(edges), labels=[tick_text(float(f"{edge:.3g}")) for edge in edges])
    bar.set_label("loss (logarithmic)" if scale.log else "loss")


def marked(axes: Axes, marks: list[dict[str, Any]], path: list[list[float]]) -> list[Any]:
    """Draw marked points and the way through a trajectory, and return a handle for each mark."""
    if path:
        way = np.array(path)
        axes.plot(way[:, 0], way[:, 1], "-", color="white", linewidth=2.4)
        axes.plot(way[:, 0], way[:, 1], ".-", color=VERMILION, linewidth=1.1, markersize=4)
    handles = []
    for index, mark in enumerate(marks):
        x, y = mark["coordinates"][:2]
        handles += axes.plot(
            x,
            y,
            MARKERS[index % len(MARKERS)],
            color=ORANGE,
            markeredgecolor="black",
            markersize=8,
            linestyle="none",
            label=for_figure(mark["name"], 40),
        )
    return handles


def panel_shape(a: Array, b: Array) -> float:
    """Return the height of a panel over its width: that of its axes where both have the same unit."""
    shape = float(np.ptp(b)) / float(np.ptp(a))
    return shape if _EQUAL[0] < shape < _EQUAL[1] else 0.8


def finish(axes: Axes, a: Array, b: Array) -> None:
    """Give both axes the same unit where that leaves a panel that can be read."""
    axes.set_aspect("equal" if _EQUAL[0] < float(np.ptp(b)) / float(np.ptp(a)) < _EQUAL[1] else "auto")
    axes.xaxis.set_major_locator(MaxNLocator(5))
    axes.yaxis.set_major_locator(MaxNLocator(5))
    axes.grid(visible=False)
