"""Training curves: every run thin, the median of each setting thick, against epochs and against seconds."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from landscape.report import histories
from landscape.report.figures.axis_scale import apply, axis_scale
from landscape.report.figures.canvas import (
    WIDTH,
    Drawing,
    LeftOut,
    canvas,
    legend_above,
    legend_handles,
    letters,
    markers,
)
from landscape.report.folder import Report
from landscape.report.histories import AXES, QUANTITIES, Curve
from landscape.report.palette import look

NAME = "training_curves"
CROSS: dict[str, Any] = {"marker": "X", "markersize": 8, "markeredgecolor": "white", "markeredgewidth": 0.9}
TARGETS = {"train_loss": "target_loss", "test_accuracy": "target_accuracy"}


def training_curves(report: Report) -> Iterator[Drawing | LeftOut]:
    """Yield one figure: a row for each recorded quantity, a column for epochs and one for seconds."""
    rows = {quantity: found for quantity in QUANTITIES if (found := histories.curves(report, quantity))}
    rows = {quantity: found for quantity, found in rows.items() if max(len(curve.value) for curve in found) > 1}
    if not rows:
        yield LeftOut(NAME, "no run has a training history of more than one epoch")
        return
    timed = any(np.isfinite(curve.seconds).any() for found in rows.values() for curve in found)
    columns = [axis for axis in AXES if axis == "epoch" or timed]
    figure = canvas(WIDTH, 0.6 + 1.9 * len(rows))
    grid = figure.subplots(len(rows), len(columns), squeeze=False, sharex="col", sharey="row")
    for i, (quantity, found) in enumerate(rows.items()):
        for j, axis in enumerate(columns):
            _panel(grid[i, j], report, quantity, found, axis)
            ends = [float(x) for curve in found for x in (np.nanmin(curve.x(axis)), np.nanmax(curve.x(axis)))]
            apply(grid[i, j].xaxis, axis_scale(ends, np.inf, 0.02), whole=axis == "epoch")
            grid[i, j].label_outer()
            if i == len(rows) - 1:
                grid[i, j].set_xlabel(AXES[axis])
        grid[i, 0].set_ylabel(QUANTITIES[quantity])
        for target in histories.targets(report, TARGETS[quantity]) if quantity in TARGETS else []:
            place = grid[i, -1].get_yaxis_transform()  # beside the panel, where no curve can be
            grid[i, -1].text(1.01, target, f"target\n{target:g}", transform=place, va="center", fontsize=letters(7.5))
    every = [curve for found in rows.values() for curve in found]
    handles = legend_handles(report, {(curve.optimizer, curve.lr_rank) for curve in every}, lines=True)
    if any(curve.diverged for curve in every):
        handles.append(Line2D([], [], **CROSS, color="#777777", linestyle="none", label="diverged"))
    legend_above(figure, handles)
    yield Drawing(NAME, figure, caption(report, rows), _numbers(report, rows))


def caption(report: Report, rows: dict[str, list[Curve]]) -> str:
    """Return what the curves show, in words."""
    quantities = ", ".join(QUANTITIES[quantity] for quantity in rows)
    diverged = any(curve.diverged for found in rows.values() for curve in found)
    return (
        f"Training curves ({quantities}): single runs thin, medians over the runs of one optimizer and learning rate "
        f"thick{', a cross where a run diverged' if diverged else ''}; dotted: the target."
    )


def _panel(axes: Axes, report: Report, quantity: str, found: list[Curve], axis: str) -> None:
    loss = quantity != "test_accuracy"
    targets = histories.targets(report, TARGETS[quantity]) if quantity in TARGETS else []
    scale = axis_scale([*histories.value_range(found), *targets], log_from=8.0 if loss else np.inf, margin=0.05)
    apply(axes.yaxis, scale, ticks=5)
    for curve in found:
        style = look(report["optimizers"], curve.optimizer, curve.lr_rank)
        axes.plot(curve.x(axis), curve.value, color=style.color, linewidth=0.5, alpha=0.35)
        if curve.diverged:
            end = histories.last_finite(curve)
            height = min(max(curve.value[end], scale.low), scale.high)
            axes.plot(curve.x(axis)[end], height, **CROSS, color=style.color, clip_on=False, zorder=5)
    for curve in histories.medians(found):
        style = look(report["optimizers"], curve.optimizer, curve.lr_rank)
        axes.plot(
            curve.x(axis),
            curve.value,
            **markers(style),
            linestyle=style.line,
            linewidth=1.5,
            markevery=(0.1, 0.25),
        )
    for target in targets:
        axes.axhline(target, color="#222222", linewidth=1.0, linestyle=(0, (1, 1.5)))


def _numbers(report: Report, rows: dict[str, list[Curve]]) -> dict[str, Any]:
    return {
        quantity: {
            "target": histories.targets(report, TARGETS[quantity]) if quantity in TARGETS else [],
            "runs": [_curve_numbers(curve) for curve in found],
            "medians": [_curve_numbers(curve) for curve in histories.medians(found)],
        }
        for quantity, found in rows.items()
    }


def _curve_numbers(curve: Curve) -> dict[str, Any]:
    return {
        "run": curve.run or None,
        "optimizer": curve.optimizer,
        "lr": curve.lr,
        "diverged": curve.diverged,
        "epoch": curve.epoch,
        "seconds": curve.seconds,
        "value": curve.value,
    }
