"""Figures of what was asked for beside a slice: paths, widths, curvature over the grid."""

from typing import Any

import numpy as np
from matplotlib.ticker import MaxNLocator

from landscape.report.escape import for_figure
from landscape.report.figures.axis_scale import apply, axis_scale, tick_text
from landscape.report.figures.canvas import WIDTH, Drawing, canvas
from landscape.report.figures.panel import finish, marked, panel_shape
from landscape.report.palette import BLACK, BLUE, GREEN, ORANGE, PURPLE, SKY, VERMILION
from landscape.report.surface import tables
from landscape.report.surface.grids import Grids

COLORS = (BLUE, VERMILION, GREEN, PURPLE, SKY, ORANGE)
LINES: tuple[Any, ...] = ("-", (0, (5, 1.5)), (0, (1, 1)), (0, (6, 1.5, 1, 1.5)), (0, (9, 2)), (0, (3, 1, 1, 1, 1, 1)))
NAMES = {
    "gradient_norm": "gradient norm",
    "top_eigenvalue": "top eigenvalue",
    "bottom_eigenvalue": "bottom eigenvalue",
    "eigenvalue_ratio": "|bottom / top|",
}


def extra_figures(grids: Grids) -> list[Drawing]:
    """Return the figures of lines, paths, widths and quantities, where they were asked for."""
    result, found = grids.result, []
    if result.get("profiles"):
        found.append(_profiles(result))
    if result["paths"]:
        found.append(_paths(result))
    if result["widths"]:
        found.append(_widths(result))
    if result["quantities"] and grids.dimensions < 3:
        found.append(_quantities(grids))
    return found


def _profiles(result: dict[str, Any]) -> Drawing:
    """Draw the median over directions in bands of 50 and 90 % of them."""
    found = result["profiles"]
    x, kinds = _plain(found["coordinates"]), list(result["examples"])
    figure = canvas(WIDTH if len(kinds) > 1 else 0.6 * WIDTH, 2.8)
    panels = figure.subplots(1, len(kinds), sharey=True, squeeze=False)[0]
    every = np.concatenate([_plain(found["losses"][kind]).ravel() for kind in kinds])
    finite = every[np.isfinite(every)]
    top = float(finite.max()) if finite.size else 1.0
    for axes, kind in zip(panels, kinds, strict=True):
        q5, q25, q50, q75, q95 = (np.where(np.isfinite(each), each, top) for each in _plain(found["quantiles"][kind]))
        axes.fill_between(x, q5, q95, color=SKY, alpha=0.35, linewidth=0, label="5 to 95 % of directions")
        axes.fill_between(x, q25, q75, color=BLUE, alpha=0.45, linewidth=0, label="25 to 75 %")
        for edge in (q5, q95):
            axes.plot(x, edge, color=BLUE, linewidth=0.5, linestyle=LINES[2])
        axes.plot(x, q50, color=BLACK, label="median")
        axes.set_title(f"{kind} loss")
        axes.set_xlabel("lengths of the direction")
    if finite.size:
        apply(panels[0].yaxis, axis_scale(finite.tolist(), log_from=30.0))
    panels[0].set_ylabel("loss (logarithmic)" if panels[0].get_yscale() == "log" else "loss")
    figure.legend(*panels[0].get_legend_handles_labels(), loc="outside upper center", ncols=3)
    return Drawing("profiles", figure, tables.profiles(result), found)


def _paths(result: dict[str, Any]) -> Drawing:
    figure = canvas(WIDTH, 3.1)
    kinds = list(result["examples"])
    panels = figure.subplots(1, len(kinds), sharey=True, squeeze=False)[0]
    shown: list[float] = []
    for axes, kind in zip(panels, kinds, strict=True):
        for index, path in enumerate(result["paths"]):
            losses = _plain(path["columns"][f"{kind}_loss"])
            label = f"{path['kind']}{', aligned' * bool(path['aligned'])}"
            axes.plot(path["positions"], losses, color=COLORS[index % 6], linestyle=LINES[index % 6], label=label)
            shown += losses[np.isfinite(losses)].tolist()
        axes.set_title(f"{kind} loss")
        axes.set_xlabel("position along the path")
    if shown:
        apply(panels[0].yaxis, axis_scale(shown))
    figure.legend(*panels[0].get_legend_handles_labels(), loc="outside upper center", ncols=3)
    caption = tables.paths(result)
    return Drawing("paths", figure, " ".join([caption.caption, *caption.notes]), result["paths"])


def _widths(result: dict[str, Any]) -> Drawing:
    figure = canvas(WIDTH, 2.6)
    axes = figure.subplots()
    most = max(each["most"] for each in result["widths"])
    for index, each in enumerate(result["widths"]):
        values = np.sort([most if c is None else c for c in each["coordinates"]])
        share = 100 * np.arange(1, len(values) + 1) / len(values)
        style: Any = {"color": COLORS[index], "linestyle": LINES[index], "label": each["kind"]}
        axes.step([values[0], *values], [0, *share], where="post", **style)
    apply(axes.xaxis, axis_scale([value for each in result["widths"] for value in each["coordinates"] if value]))
    axes.set_xlabel(
        f"lengths of the direction until the training loss is {result['widths'][0]['factor']:g} times as high"
    )
    axes.set_ylabel("% of directions")
    figure.legend(loc="outside upper center", ncols=2)
    return Drawing("widths", figure, tables.widths(result).caption, result["widths"])


def _quantities(grids: Grids) -> Drawing:
    found = grids.result["quantities"]
    names = [name for name in NAMES if name in found["columns"]]
    axes_of = [np.array(axis) for axis in found["axes"]]
    columns = min(len(names), 2)
    rows = -(-len(names) // columns)
    shape = panel_shape(*axes_of) if grids.dimensions == 2 else 0.5
    figure = canvas(WIDTH if columns == 2 else 0.6 * WIDTH, rows * (2.5 * shape + 0.7))
    panels = figure.subplots(rows, columns, squeeze=False).ravel()
    handles: list[Any] = []
    for panel, name in zip(panels, names, strict=False):
        values = _plain(found["columns"][name])
        panel.set_title(NAMES[name])
        if grids.dimensions == 1:
            panel.plot(axes_of[0], values, ".-", color=BLUE)
            continue
        a, b = axes_of
        shown = np.where(np.isfinite(values), values, np.nanmax(values)).T
        levels = MaxNLocator(9).tick_values(float(shown.min()), float(shown.max()))
        filled = panel.contourf(a, b, shown, levels=levels, cmap="viridis")
        filled.set_rasterized(True)
        bright = levels[0] + 0.6 * (levels[-1] - levels[0])
        shades = ["white" if level < bright else "black" for level in levels]
        lines = panel.contour(a, b, shown, levels=levels, colors=shades, linewidths=0.6)
        panel.clabel(lines, fmt=lambda level: tick_text(float(f"{level:.3g}")), fontsize=6.5)
        figure.colorbar(filled, ax=panel, aspect=25, pad=0.02)
        finish(panel, a, b)
        panel.set_ylabel(for_figure(grids.label(1), 40))
        inside = [mark for mark in grids.result["marks"] if _within(mark["coordinates"], axes_of)]
        handles = marked(panel, inside, [])
        for handle in handles:
            handle.set_clip_on(False)  # whole where it lies on the edge
    if len(handles) > 1:
        figure.legend(handles=handles, loc="outside upper center", ncols=2)
    for panel in panels[: len(names)]:
        panel.set_xlabel(for_figure(grids.label(0), 40))
    for panel in panels[len(names) :]:
        panel.set_axis_off()
    points = " × ".join(str(len(axis)) for axis in axes_of)
    caption = f"{', '.join(NAMES[name] for name in names)} of the training loss on {points} points of the slice."
    return Drawing("quantities", figure, caption[:1].upper() + caption[1:], found)


def _within(place: list[float], axes: list[Any]) -> bool:
    return all(axis[0] <= x <= axis[-1] for x, axis in zip(place, axes, strict=True))


def _plain(values: Any) -> Any:
    """Return a list from JSON as an array, with what is null there as not a number."""
    return np.array(values, dtype=np.float64)
