"""The panel of how the result at the end depends on the learning rate, relative to each optimizer's best one."""

from typing import Any

from matplotlib.axes import Axes

from landscape.report.figures.axis_scale import AxisScale, apply, axis_scale
from landscape.report.figures.canvas import markers
from landscape.report.folder import Report
from landscape.report.palette import look

Row = dict[str, Any]
Line = list[tuple[float, Row]]


def sensitivity_lines(rows: list[Row]) -> list[Line]:
    """Return (learning rate over the best one, row) of each optimizer and setting that has several, ascending.

    Rows of which no run has an end (all diverged) come along: where they lie is known, their result is not.
    """
    lines = []
    for best in (row for row in rows if row.get("sensitivity")):
        group = [row for row in rows if _setting(row) == _setting(best) and row["lr"] is not None]
        if len(group) > 1:
            lines.append(sorted(((row["lr"] / best["lr"], row) for row in group), key=lambda each: each[0]))
    return lines


def draw_sensitivity(axes: Axes, report: Report, rows: list[Row], key: str) -> None:
    """Draw the result against the learning rate over the best one; what diverged stands at the bottom as a cross.

    Args:
        axes: Where.
        report: For the looks of the optimizers.
        rows: Of the trade-offs, each with its ``rank``.
        key: ``"test_accuracy"`` or ``"test_loss"``.
    """
    lines, factor = sensitivity_lines(rows), 100 if key == "test_accuracy" else 1
    found = [
        factor * row[key][end] for line in lines for _, row in line if row[key] for end in ("value", "low", "high")
    ]
    scale = axis_scale(found, log_from=8.0 if factor == 1 else float("inf"))
    lost = any(not row[key] for line in lines for _, row in line)
    floor = _floor(scale)
    apply(axes.xaxis, axis_scale([ratio for line in lines for ratio, _ in line], log_from=1.5, margin=0.06))
    apply(axes.yaxis, AxisScale(floor, scale.high, scale.log) if lost else scale)
    axes.axvline(1, color="#888888", linewidth=0.7, linestyle=":")
    for line in lines:
        color = look(report["optimizers"], line[0][1]["optimizer"]).color
        ended = [(ratio, factor * row[key]["value"]) for ratio, row in line if row[key]]
        axes.plot(*zip(*ended, strict=True), color=color, linewidth=0.8)
        for ratio, row in line:
            _mark(axes, report, ratio, row, key, factor, floor)
    axes.set_title("sensitivity to the learning rate")
    axes.set_xlabel("learning rate / best one" + (" (cross: diverged)" if lost else ""))
    axes.set_ylabel("test accuracy (%)" if factor == 100 else "test loss")


def _mark(axes: Axes, report: Report, ratio: float, row: Row, key: str, factor: int, floor: float) -> None:
    style = look(report["optimizers"], row["optimizer"], row["rank"])
    if not row[key]:
        cross: dict[str, Any] = {"marker": "X", "markersize": 8, "markeredgecolor": "white", "clip_on": False}
        axes.plot(ratio, floor, **cross, color=style.color, linestyle="none", zorder=5)
        return
    value, low, high = (factor * row[key][end] for end in ("value", "low", "high"))
    axes.errorbar(ratio, value, yerr=[[value - low], [high - value]], **markers(style), markersize=6, elinewidth=0.8)


def _floor(scale: AxisScale) -> float:
    """Return where the crosses stand: a little below what is shown otherwise."""
    if scale.log:
        return float(scale.low * (scale.low / scale.high) ** 0.12)
    return scale.low - 0.12 * (scale.high - scale.low)


def _setting(row: Row) -> tuple[str, str]:
    return row["optimizer"], repr(row.get("factors"))
