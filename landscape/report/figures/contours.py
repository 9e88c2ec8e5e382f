"""Slices of the loss as contours: train above, test below, one column a minimum, one scale for all."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import BoundaryNorm, ListedColormap
from matplotlib.ticker import MaxNLocator

from landscape.report.escape import for_figure
from landscape.report.figures.axis_scale import tick_text
from landscape.report.figures.canvas import Drawing, LeftOut, canvas, inches, letters
from landscape.report.figures.panels import sheets
from landscape.report.folder import STOPS, Report, Slice
from landscape.report.loss_scale import KINDS, LossScale, loss_scale
from landscape.report.palette import look
from landscape.report.points import run_name

NAME = "slices_contours"
PER_SHEET = 3


def contours(report: Report, slices: list[Slice]) -> Iterator[Drawing | LeftOut]:
    """Yield the contour figures of each stop."""
    scale = loss_scale(slices)
    if scale is None:
        yield LeftOut(NAME, "the study has no slices of the loss" if not slices else "every slice is infinite")
        return
    for stop in STOPS:
        for suffix, part in sheets([each for each in slices if each.stop == stop], PER_SHEET):
            yield _sheet(report, stop, f"{NAME}_{stop}{suffix}", part, scale)


def caption(report: Report, stop: str, slices: list[Slice], scale: LossScale) -> str:
    """Return what the slices are, in words, with everything that was clipped."""
    settings, examples = slices[0].settings, slices[0].settings.get("examples")
    return " ".join(
        [
            f"Loss on planes through minima {STOPS[stop]}, spanned by two random directions "
            f"(seed {settings.get('seed')}, {settings.get('normalization')} normalisation"
            f"{f', {examples} training examples' if examples else ''}). The cross is the trained point. "
            f"Colours and levels are the same in all panels.",
            *scale.notes,
        ]
    )


def slice_numbers(slices: list[Slice], scale: LossScale) -> dict[str, Any]:
    """Return what goes into the JSON beside the figure; an infinite loss is null there."""
    return {
        "scale": {"low": scale.low, "high": scale.high, "log": scale.log, "levels": scale.levels, "notes": scale.notes},
        "slices": [
            {
                "run": each.run,
                "optimizer": each.optimizer,
                "stop": each.stop,
                "a": each.a,
                "b": each.b,
                "train_loss": each.train_loss,
                "test_loss": each.test_loss,
            }
            for each in slices
        ],
    }


def _sheet(report: Report, stop: str, name: str, slices: list[Slice], scale: LossScale) -> Drawing:
    panel = min(2.9, 6.1 / len(slices))  # inches
    figure = canvas(1.1 + panel * len(slices), inches(0.1 + 2 * panel))
    grid = figure.subplots(2, len(slices), squeeze=False, sharex="col", sharey="row")
    edges = np.array([scale.low, *scale.levels, scale.high])
    colors = ListedColormap(colormaps["viridis"](np.linspace(0, 1, len(edges) - 1)))
    norm = BoundaryNorm(edges, len(edges) - 1)
    for j, each in enumerate(slices):
        for i, kind in enumerate(KINDS):
            _panel(grid[i, j], report, each, kind, scale, edges, colors)
            grid[i, 0].set_ylabel("direction b")
        grid[0, j].set_title(f"{for_figure(run_name(report, each.run), 36)}\ntrain loss")
        grid[1, j].set_title("test loss")
        grid[1, j].set_xlabel("direction a")
    bar = figure.colorbar(ScalarMappable(norm, colors), ax=grid, spacing="uniform", aspect=40, pad=0.02)
    bar.set_ticks(list(edges), labels=[tick_text(float(f"{edge:.3g}")) for edge in edges])
    bar.set_label("loss (logarithmic)" if scale.log else "loss")
    return Drawing(name, figure, caption(report, stop, slices, scale), slice_numbers(slices, scale))


def _panel(
    axes: Axes,
    report: Report,
    each: Slice,
    kind: str,
    scale: LossScale,
    edges: np.ndarray[Any, Any],
    colors: ListedColormap,
) -> None:
    losses = scale.clipped(each.losses(kind)).T
    # Interpolating in the logarithm keeps the lines smooth where the loss climbs by decades in a cell.
    heights, at = scale.height(losses), scale.height(edges)
    filled = axes.contourf(each.a, each.b, heights, levels=at, colors=colors.colors, extend="neither")
    filled.set_rasterized(True)
    if scale.levels and float(heights.max()) > float(heights.min()):
        inside = [level for level in at[1:-1] if heights.min() < level < heights.max()]
        names = {level: tick_text(loss) for level, loss in zip(at[1:-1], scale.levels, strict=True)}
        if inside:
            shades = ["white" if level < at[0] + 0.6 * (at[-1] - at[0]) else "black" for level in inside]
            lines = axes.contour(each.a, each.b, heights, levels=inside, colors=shades, linewidths=0.6)
            axes.clabel(lines, fmt=names, fontsize=letters(6.5), inline_spacing=2)
    style = look(report["optimizers"], each.optimizer)
    axes.plot(0, 0, "X", color=style.color, markeredgecolor="white", markeredgewidth=0.9, markersize=9)
    axes.set_aspect("equal")
    axes.xaxis.set_major_locator(MaxNLocator(5))
    axes.yaxis.set_major_locator(MaxNLocator(5))
    axes.grid(visible=False)
