"""The same slices as surfaces in three dimensions, on the same scale of colours and heights."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from matplotlib import colormaps
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure

from landscape.report.escape import for_figure
from landscape.report.figures.axis_scale import tick_text
from landscape.report.figures.canvas import Drawing, LeftOut, canvas, inches, letters
from landscape.report.figures.contours import PER_SHEET, caption, slice_numbers
from landscape.report.figures.panels import sheets
from landscape.report.folder import STOPS, Report, Slice
from landscape.report.loss_scale import KINDS, LossScale, loss_scale
from landscape.report.palette import look
from landscape.report.points import run_name

NAME = "slices_3d"
# Inches: mplot3d knows no automatic layout.
BAR, TOP, LEFT = 1.0, 0.1, 0.25


def surfaces(report: Report, slices: list[Slice]) -> Iterator[Drawing | LeftOut]:
    """Yield the three-dimensional figures of each stop."""
    scale = loss_scale(slices)
    if scale is None:
        yield LeftOut(NAME, "the study has no slices of the loss" if not slices else "every slice is infinite")
        return
    for stop in STOPS:
        for suffix, part in sheets([each for each in slices if each.stop == stop], PER_SHEET):
            yield _sheet(report, stop, f"{NAME}_{stop}{suffix}", part, scale)


def _sheet(report: Report, stop: str, name: str, slices: list[Slice], scale: LossScale) -> Drawing:
    panel = min(2.7, 6.0 / len(slices))
    pitch = 0.93 * panel  # rows overlap a little, as each panel is empty at its top
    width, height = LEFT + panel * len(slices) + BAR, TOP + pitch + panel
    figure = canvas(width, inches(height), constrained=False)
    bottom, top = (float(end) for end in scale.height(np.array([scale.low, scale.high])))
    norm = Normalize(bottom, top)
    for j, each in enumerate(slices):
        left = (LEFT + panel * j) / width
        title = for_figure(run_name(report, each.run), 36)
        figure.text(
            left + 0.5 * panel / width, 1 - 0.12 / height, title, ha="center", va="center", fontsize=letters(8.5)
        )
        for i, kind in enumerate(KINDS):
            box = (left, (1 - i) * pitch / height, panel / width, panel / height)
            _panel(figure, box, report, each, kind, scale, norm)
    for i, kind in enumerate(KINDS):
        figure.text(
            0.12 / width,
            ((1 - i) * pitch + 0.5 * panel) / height,
            f"{kind} loss",
            rotation=90,
            ha="center",
            va="center",
        )
    bar_axes = figure.add_axes((1 - 0.8 * BAR / width, 0.2, 0.14 / width, 0.6))
    bar = figure.colorbar(ScalarMappable(norm, "viridis"), cax=bar_axes)
    ticks = _ticks(scale)
    bar.set_ticks([float(scale.height(tick)) for tick in ticks], labels=[tick_text(tick) for tick in ticks])
    bar.set_label("loss (logarithmic)" if scale.log else "loss")
    return Drawing(name, figure, caption(report, stop, slices, scale), slice_numbers(slices, scale))


def _ticks(scale: LossScale) -> list[float]:
    """Return at most six of the contour levels."""
    levels = list(scale.levels) or [scale.low, scale.high]
    return levels[:: -(-len(levels) // 6)]


def _panel(
    figure: Figure,
    box: tuple[float, float, float, float],
    report: Report,
    each: Slice,
    kind: str,
    scale: LossScale,
    norm: Normalize,
) -> None:
    axes: Any = figure.add_axes(box, projection="3d", computed_zorder=False)
    heights = scale.height(each.losses(kind)).T
    A, B = np.meshgrid(each.a, each.b)
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
        antialiased=True,
    )
    surface.set_rasterized(True)
    style = look(report["optimizers"], each.optimizer)
    center = float(scale.height(each.center(kind)))
    axes.plot([0], [0], [center], "X", color=style.color, markeredgecolor="white", markersize=8, zorder=10)
    axes.set_zlim(norm.vmin, norm.vmax)
    ticks = _ticks(scale)
    axes.set_zticks([float(scale.height(tick)) for tick in ticks], [tick_text(tick) for tick in ticks])
    edge = float(np.max(np.abs(each.a)))
    half = float(f"{edge / 2:.2g}")
    for axis, name in ((axes.xaxis, "a"), (axes.yaxis, "b")):
        axis.set_ticks([-2 * half, -half, 0, half, 2 * half] if 2 * half <= edge else [-half, 0, half])
        axis.set_label_text(name)
    axes.tick_params(labelsize=6.5, pad=-1)
    for axis in (axes.xaxis, axes.yaxis, axes.zaxis):
        axis.labelpad = -6
        axis.set_pane_color((0.97, 0.97, 0.97, 1.0))
    axes.patch.set_alpha(0)
    axes.view_init(elev=32, azim=-55)
    axes.set_box_aspect((1, 1, 0.8), zoom=0.9)
