"""The panel of how the result at the end depends on the learning rate, relative to each optimizer's best one."""

from dataclasses import dataclass
from typing import Any

from matplotlib.axes import Axes

from landscape.report.figures.axis_scale import AxisScale, apply, axis_scale
from landscape.report.figures.canvas import markers
from landscape.report.folder import Report
from landscape.report.palette import look

Row = dict[str, Any]
Line = list[tuple[float, Row]]

_FAR = 8.0  # times: from here on a logarithmic axis
_MIRRORED = {"value": "value", "low": "high", "high": "low"}


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


@dataclass(frozen=True)
class Shown:
    """What the result at the end is drawn as.

    Attributes:
        key: Of the rows: ``"test_accuracy"`` or ``"test_loss"``.
        name: For the axis.
        scale: Of the axis.
    """

    key: str
    name: str
    scale: AxisScale

    @classmethod
    def of(cls, lines: list[Line], key: str) -> "Shown":
        """Return how to draw the rows: accuracies that are far apart by their errors, as none is told apart else."""
        ends = [row[key][end] for line in lines for _, row in line if row[key] for end in ("value", "low", "high")]
        if key == "test_loss":
            return cls(key, "test loss", axis_scale(ends, log_from=_FAR))
        errors = [100 * (1 - each) for each in ends]
        if min(errors) > 0 and max(errors) >= _FAR * min(errors):
            return cls(key, "test error (%)", axis_scale(errors, log_from=_FAR))
        return cls(key, "test accuracy (%)", axis_scale([100 * each for each in ends], log_from=float("inf")))

    def spread(self, row: Row) -> dict[str, float]:
        """Return the value of a row with its low and high end, as drawn."""
        found = {end: row[self.key][end] for end in ("value", "low", "high")}
        if self.key == "test_loss":
            return found
        if self.name == "test accuracy (%)":
            return {end: 100 * each for end, each in found.items()}
        return {end: 100 * (1 - found[other]) for end, other in _MIRRORED.items()}

    @property
    def lost(self) -> float:
        """Where what diverged stands: a little beyond what is shown otherwise, on the worse side."""
        low, high = self.scale.low, self.scale.high
        if self.name == "test accuracy (%)":
            return low - 0.12 * (high - low)
        return float(high * (high / low) ** 0.12) if self.scale.log else high + 0.12 * (high - low)


def draw_sensitivity(axes: Axes, report: Report, rows: list[Row], key: str) -> None:
    """Draw the result against the learning rate over the best one; what diverged stands at the edge as a cross.

    Args:
        axes: Where.
        report: For the looks of the optimizers.
        rows: Of the trade-offs, each with its ``rank``.
        key: ``"test_accuracy"`` or ``"test_loss"``.
    """
    lines = sensitivity_lines(rows)
    shown = Shown.of(lines, key)
    lost = any(not row[key] for line in lines for _, row in line)
    ends = [shown.scale.low, shown.scale.high, *([shown.lost] if lost else [])]
    apply(axes.xaxis, axis_scale([ratio for line in lines for ratio, _ in line], log_from=1.5, margin=0.06))
    apply(axes.yaxis, AxisScale(min(ends), max(ends), shown.scale.log))
    axes.axvline(1, color="#888888", linewidth=0.7, linestyle=":")
    for line in lines:
        color = look(report["optimizers"], line[0][1]["optimizer"]).color
        ended = [(ratio, shown.spread(row)["value"]) for ratio, row in line if row[key]]
        axes.plot(*zip(*ended, strict=True), color=color, linewidth=0.8)
        for ratio, row in line:
            _mark(axes, report, ratio, row, shown)
    axes.set_title("sensitivity to the learning rate")
    axes.set_xlabel("learning rate / best one" + (" (cross: diverged)" if lost else ""))
    axes.set_ylabel(shown.name)


def _mark(axes: Axes, report: Report, ratio: float, row: Row, shown: Shown) -> None:
    style = look(report["optimizers"], row["optimizer"], row["rank"])
    if not row[shown.key]:
        cross: dict[str, Any] = {"marker": "X", "markersize": 8, "markeredgecolor": "white", "clip_on": False}
        axes.plot(ratio, shown.lost, **cross, color=style.color, linestyle="none", zorder=5)
        return
    value, low, high = shown.spread(row).values()
    axes.errorbar(ratio, value, yerr=[[value - low], [high - value]], **markers(style), markersize=6, elinewidth=0.8)


def _setting(row: Row) -> tuple[str, str]:
    return row["optimizer"], repr(row.get("factors"))
