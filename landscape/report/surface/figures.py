"""The figures of one surface: a profile of a line, contours and heights of a plane, sections of a volume."""

from typing import Any

import numpy as np
from matplotlib import colormaps
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize

from landscape.report.escape import for_figure
from landscape.report.figures.axis_scale import apply, axis_scale, tick_text
from landscape.report.figures.canvas import WIDTH, Drawing, canvas
from landscape.report.figures.panel import MARKERS, difference_panel, loss_bar, loss_panel, marked, panel_shape
from landscape.report.loss_scale import LossScale
from landscape.report.numbers import number
from landscape.report.palette import BLUE, ORANGE, VERMILION
from landscape.report.surface import tables
from landscape.report.surface.grids import Grids

COLORS = {"train": BLUE, "test": VERMILION}
LINES: dict[str, Any] = {"train": "-", "test": (0, (5, 1.5))}


def surface_figures(grids: Grids) -> list[Drawing]:
    """Return the figures of a surface; none when no loss is finite."""
    scale = grids.scale()
    if scale is None:
        return []
    if grids.dimensions == 1:
        return [_profile(grids, scale)]
    if grids.dimensions == 2:
        return [_contours(grids, scale), _heights(grids, scale)]
    return [_sections(grids, scale)]


def caption(grids: Grids, scale: LossScale) -> str:
    """Return what the figure shows, with everything that has to be said of it."""
    axes = "; ".join(f"{axis['key']}: {axis['name']} ({axis['how']})" for axis in grids.result["axes"])
    return " ".join([f"{tables.title(grids.result)}. {axes}.", *tables.sentences(grids.result), *scale.notes])


def numbers(grids: Grids, scale: LossScale) -> dict[str, Any]:
    """Return what goes into the JSON beside the figure; an infinite loss is null there."""
    about = {"low": scale.low, "high": scale.high, "log": scale.log, "levels": scale.levels, "notes": scale.notes}
    return {"scale": about, **grids.arrays, "marks": grids.result["marks"]}


def _profile(grids: Grids, scale: LossScale) -> Drawing:
    (x,) = grids.axes
    with_accuracy = grids.accuracy("train") is not None
    figure = canvas(WIDTH, 4.6 if with_accuracy else 3.0)
    panels = figure.subplots(2 if with_accuracy else 1, 1, sharex=True, squeeze=False)[:, 0]
    for kind in grids.kinds:
        style: Any = {"color": COLORS[kind], "linestyle": LINES[kind], "label": kind}
        losses = scale.clipped(grids.loss(kind))
        panels[0].plot(x, losses, **style)
        error = grids.arrays.get(f"{kind}_loss_error")
        if error is not None:
            spread = np.where(np.isfinite(error), error, 0.0)
            panels[0].fill_between(x, losses - spread, losses + spread, color=COLORS[kind], alpha=0.2, linewidth=0)
        accuracy = grids.accuracy(kind)
        if accuracy is not None and with_accuracy:
            panels[1].plot(x, 100 * accuracy, **style)
    computed = grids.arrays["status"] > 0
    if not computed.all():
        for kind in grids.kinds:
            panels[0].plot(
                x[computed], scale.clipped(grids.loss(kind))[computed], ".", color=COLORS[kind], markersize=3
            )
    for index, mark in enumerate(grids.result["marks"]):
        panels[0].plot(
            mark["coordinates"][0],
            scale.clipped(np.array(mark["train_loss"])),
            MARKERS[index % len(MARKERS)],
            color=ORANGE,
            markeredgecolor="black",
            markersize=7,
            linestyle="none",
            label=for_figure(mark["name"], 30),
        )
    shown = scale.clipped(np.concatenate([grids.loss(kind) for kind in grids.kinds])).tolist()
    apply(panels[0].yaxis, axis_scale(shown, log_from=30.0))
    panels[0].set_ylabel("loss (logarithmic)" if panels[0].get_yscale() == "log" else "loss")
    if with_accuracy:
        panels[1].set_ylabel("accuracy in %")
    panels[-1].set_xlabel(for_figure(grids.label(0), 90))
    figure.legend(*panels[0].get_legend_handles_labels(), loc="outside upper center", ncols=4)
    return Drawing("surface", figure, caption(grids, scale), numbers(grids, scale))


def _contours(grids: Grids, scale: LossScale) -> Drawing:
    a, b = grids.axes
    accuracies = [grids.accuracy(kind) for kind in grids.kinds]
    both = len(grids.kinds) == 2
    rows = 2 if both else 1
    figure = canvas(WIDTH, rows * (2.35 * panel_shape(a, b) + 0.55) + 0.5)
    panels = figure.subplots(rows, 2 if both else 1, sharex=True, sharey=True, squeeze=False)
    for axes, kind in zip(panels[0], grids.kinds, strict=True):
        loss_panel(axes, a, b, grids.loss(kind), scale)
        axes.set_title(f"{kind} loss")
    loss_bar(figure, panels[0].tolist(), scale)
    if both:
        with np.errstate(invalid="ignore"):  # where both are infinite there is no gap
            gap = grids.loss("test") - grids.loss("train")
        difference_panel(figure, panels[1, 0], a, b, gap, "")
        panels[1, 0].set_title("gap in loss (test − train)")
        if accuracies[0] is not None and accuracies[1] is not None:
            difference_panel(figure, panels[1, 1], a, b, 100 * (accuracies[0] - accuracies[1]), "")
            panels[1, 1].set_title(f"gap in accuracy (train − test), %{_interpolated(grids)}")
        else:
            panels[1, 1].set_axis_off()
    for axes in panels.ravel():
        handles = marked(axes, grids.result["marks"], grids.result["trajectory"])
    if len(handles) > 1:
        figure.legend(handles=handles, loc="outside upper center", ncols=3)
    for axes in panels[:, 0]:
        axes.set_ylabel(for_figure(grids.label(1), 40))
    for axes in panels[-1]:
        axes.set_xlabel(for_figure(grids.label(0), 40))
    return Drawing("surface", figure, caption(grids, scale), numbers(grids, scale))


def _interpolated(grids: Grids) -> str:
    """Return the measured error of interpolated accuracies: they move in steps, which no interpolant follows."""
    errors = grids.result["filled"]["errors"]
    found = [error for name, error in errors.items() if name.endswith("_accuracy")]
    return f"\neach interpolated to ±{number(100 * max(found), 2)}" if found else ""


def _heights(grids: Grids, scale: LossScale) -> Drawing:
    count, size, top = len(grids.kinds), 3.3, 0.25
    rows = -(-len(grids.result["marks"]) // 3)
    foot = 0.14 + 0.17 * rows if len(grids.result["marks"]) > 1 else 0.0
    figure = canvas(size * count + 0.9, size + top + foot, constrained=False)
    width, height = figure.get_size_inches()
    low, high = (float(end) for end in scale.height(np.array([scale.low, scale.high])))
    norm = Normalize(low, high)
    levels = list(scale.levels) or [scale.low, scale.high]
    ticks = levels[:: -(-len(levels) // 6)]
    places, names = [float(scale.height(tick)) for tick in ticks], [tick_text(float(f"{t:.3g}")) for t in ticks]
    A, B = np.meshgrid(*grids.axes)
    for index, kind in enumerate(grids.kinds):
        box = (size * index / width, foot / height, size / width, size / height)
        axes: Any = figure.add_axes(box, projection="3d", computed_zorder=False)
        heights = scale.height(grids.loss(kind)).T
        surface = axes.plot_surface(
            A,
            B,
            heights,
            rcount=60,
            ccount=60,
            facecolors=colormaps["viridis"](norm(heights)),
            shade=False,
            linewidth=0.15,
            edgecolor=(1, 1, 1, 0.35),
        )
        surface.set_rasterized(True)
        handles = []
        for place, mark in enumerate(grids.result["marks"]):
            z = float(scale.height(mark[f"{kind}_loss"]))
            handles += axes.plot(
                *([c] for c in mark["coordinates"]),
                [z],
                MARKERS[place % len(MARKERS)],
                color=ORANGE,
                markeredgecolor="black",
                markersize=7,
                linestyle="none",
                label=for_figure(mark["name"], 40),
                zorder=10,
            )
        axes.set_zlim(low, high)
        axes.set_zticks(places, names)
        axes.set_xlabel(grids.result["axes"][0]["key"], labelpad=-6)
        axes.set_ylabel(grids.result["axes"][1]["key"], labelpad=-6)
        axes.tick_params(labelsize=6.5, pad=-1)
        for each in (axes.xaxis, axes.yaxis, axes.zaxis):
            each.set_pane_color((0.97, 0.97, 0.97, 1.0))
        axes.view_init(elev=32, azim=-55)
        axes.set_box_aspect((1, 1, 0.8), zoom=0.88)
        figure.text((size * (index + 0.5)) / width, 1 - 0.16 / height, f"{kind} loss", ha="center", va="center")
    if foot:
        figure.legend(handles=handles, loc="lower center", ncols=3)
    bar = figure.colorbar(
        ScalarMappable(norm, "viridis"), cax=figure.add_axes((1 - 0.75 / width, 0.2, 0.14 / width, 0.6))
    )
    bar.set_ticks(places, labels=names)
    bar.set_label("loss (logarithmic)" if scale.log else "loss")
    return Drawing("surface_3d", figure, caption(grids, scale), numbers(grids, scale))


def _sections(grids: Grids, scale: LossScale) -> Drawing:
    """Draw the three planes through the trained point, along two axes each."""
    figure = canvas(WIDTH, 2.35 * len(grids.kinds))
    panels = figure.subplots(len(grids.kinds), 3, squeeze=False)
    middles = [int(np.flatnonzero(axis == 0)[0]) for axis in grids.axes]
    for row, kind in enumerate(grids.kinds):
        for column, (first, second) in enumerate(((0, 1), (0, 2), (1, 2))):
            (third,) = {0, 1, 2} - {first, second}
            axes = panels[row, column]
            losses = np.take(grids.loss(kind), middles[third], axis=third)
            loss_panel(axes, grids.axes[first], grids.axes[second], losses, scale)
            axes.plot(0, 0, "X", color=ORANGE, markeredgecolor="black", markersize=7)
            axes.set_xlabel(for_figure(grids.label(first), 24))
            axes.set_ylabel(for_figure(grids.label(second), 24))
        panels[row, 0].set_title(f"{kind} loss")
    loss_bar(figure, panels.ravel().tolist(), scale)
    return Drawing("surface", figure, caption(grids, scale), numbers(grids, scale))
