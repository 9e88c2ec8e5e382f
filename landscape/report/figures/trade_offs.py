"""What an optimizer is chosen by: speed against generalization, robustness to the learning rate, and cost."""

from collections.abc import Callable, Iterator
from typing import Any

from matplotlib.axes import Axes

from landscape.report.escape import for_figure
from landscape.report.figures.axis_scale import AxisScale, apply, axis_scale, tick_text
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
from landscape.report.figures.sensitivity import draw_sensitivity, sensitivity_lines
from landscape.report.folder import Report
from landscape.report.numbers import NOTHING
from landscape.report.palette import look
from landscape.report.trade_off_tables import about_times

NAME = "trade_offs"
Row = dict[str, Any]
CAPTION = (
    "Trade-offs: speed against generalization (dashed, the Pareto front: what nothing beats in both, of the settings "
    "of which every run got to the target), speed and result against the learning rate, time and memory. Medians over "
    "runs with lowest and highest; a number beside a point counts the runs that got there when some did not."
)


def trade_offs(report: Report) -> Iterator[Drawing | LeftOut]:
    """Yield one figure with a panel for each trade-off that has numbers."""
    rows = [row | {"rank": rank} for row, rank in zip(report.get("trade_offs") or [], _ranks(report), strict=True)]
    panels: list[tuple[Callable[[Axes, Report, list[Row]], None], list[Row]]] = [
        (_speed_and_quality, [row for row in rows if row[speed(rows)] and row[quality(rows)]]),
        (_speed_by_lr, [row for row in rows if row["lr"] is not None] if _some_reached(rows) else []),
        (_sensitivity, [row for line in sensitivity_lines(rows) for _, row in line]),
        (_seconds, [row for row in rows if row["seconds_per_epoch"]]),
        (_memory, [row for row in rows if row["optimizer_bytes_per_parameter"]]),
    ]
    filled = [(draw, kept) for draw, kept in panels if kept]
    if not filled:
        yield LeftOut(NAME, "nothing was timed, so there is nothing to trade")
        return
    figure = canvas(WIDTH if len(filled) > 1 else 3.8, 0.6 + 2.6 * -(-len(filled) // 2))
    grid = figure.subplots(-(-len(filled) // 2), min(len(filled), 2), squeeze=False).ravel()
    for axes in grid[len(filled) :]:
        axes.remove()
    for axes, (draw, kept) in zip(grid, filled, strict=False):
        draw(axes, report, kept)
    shown = {(row["optimizer"], row["rank"]) for _, kept in filled for row in kept}
    legend_above(figure, legend_handles(report, shown))
    yield Drawing(NAME, figure, f"{CAPTION}{about_times(rows)}", {"rows": rows})


def speed(rows: list[Row]) -> str:
    """Return what speed is read from: the seconds to the target loss, or the epochs where seconds do not compare."""
    return f"{next((row.get('speed_unit') for row in rows), None) or 'seconds'}_to_target_loss"


def quality(rows: list[Row]) -> str:
    """Return what generalization is read from: the test accuracy, or the test loss where there are no classes."""
    return "test_accuracy" if any(row["test_accuracy"] for row in rows) else "test_loss"


def _ranks(report: Report) -> list[int]:
    """Return the learning-rate rank of each row of the trade-offs."""
    ranks = {(run["optimizer"], run.get("lr")): run.get("lr_rank") or 0 for run in report["runs"]}
    return [ranks.get((row["optimizer"], row["lr"]), 0) for row in report.get("trade_offs") or []]


def _some_reached(rows: list[Row]) -> bool:
    return any(row["epochs_to_target_loss"] for row in rows)


def _speed_and_quality(axes: Axes, report: Report, rows: list[Row]) -> None:
    key = quality(rows)
    factor = 100 if key == "test_accuracy" else 1
    unit = speed(rows)
    apply(axes.xaxis, axis_scale(_ends(rows, unit)))
    apply(axes.yaxis, axis_scale([factor * end for end in _ends(rows, key)], log_from=float("inf")))
    for row in rows:
        _mark(axes, report, row, row[unit], {end: factor * row[key][end] for end in row[key]})
    front = sorted((row for row in rows if row.get("pareto")), key=lambda row: row[unit]["value"])
    line = [(row[unit]["value"], factor * row[key]["value"]) for row in front]
    if len(line) > 1:
        axes.plot(*zip(*line, strict=True), color="#888888", linewidth=1.0, linestyle="--", zorder=1)
    axes.set_title("speed and generalization")
    axes.set_xlabel(f"{unit.partition('_')[0]} to the target loss")
    axes.set_ylabel("test accuracy (%)" if factor == 100 else "test loss")


def _speed_by_lr(axes: Axes, report: Report, rows: list[Row]) -> None:
    lrs = axis_scale([row["lr"] for row in rows], log_from=1.5, margin=0.06)
    epochs = axis_scale(_ends([row for row in rows if row["epochs_to_target_loss"]], "epochs_to_target_loss"))
    never = (
        epochs.high * (epochs.high / epochs.low) ** 0.12
        if epochs.log
        else epochs.high + 0.12 * (epochs.high - epochs.low)
    )
    room = AxisScale(epochs.low, never * (never / epochs.high) if epochs.log else 2 * never - epochs.high, epochs.log)
    missed = [row for row in rows if not row["epochs_to_target_loss"]]
    apply(axes.xaxis, lrs)
    apply(axes.yaxis, room if missed else epochs)
    lines: dict[tuple[str, str], list[Row]] = {}
    for row in sorted(rows, key=lambda row: row["lr"]):
        if row not in missed:
            lines.setdefault((row["optimizer"], repr(row.get("factors"))), []).append(row)
    for (optimizer, _), own in lines.items():
        style = look(report["optimizers"], optimizer)
        axes.plot(
            [row["lr"] for row in own],
            [row["epochs_to_target_loss"]["value"] for row in own],
            color=style.color,
            linewidth=0.8,
        )
    for row in rows:
        level = row["epochs_to_target_loss"] or {"value": never, "low": never, "high": never}
        _mark(axes, report, row, dict.fromkeys(("value", "low", "high"), row["lr"]), level)
        if row not in missed and row["reached"] < row["runs"]:
            axes.annotate(
                f"{row['reached']}/{row['runs']}",
                (row["lr"], level["value"]),
                xytext=(5, 4),
                textcoords="offset points",
                fontsize=letters(7),
            )
    if missed:
        ticks = [tick for tick in axes.get_yticks() if epochs.low <= tick <= epochs.high]
        axes.set_yticks([*ticks, never], [*(tick_text(tick) for tick in ticks), "never"])
        axes.axhline(epochs.high, color="#888888", linewidth=0.7, linestyle=":")
    axes.set_title("speed by learning rate")
    axes.set_xlabel("learning rate")
    axes.set_ylabel("epochs to the target loss")


def _sensitivity(axes: Axes, report: Report, rows: list[Row]) -> None:
    draw_sensitivity(axes, report, rows, quality(rows))


def _seconds(axes: Axes, report: Report, rows: list[Row]) -> None:
    relative = [row for row in rows if row.get("relative_seconds_per_step")]
    _by_optimizer(axes, report, relative or rows, "relative_seconds_per_step" if relative else "seconds_per_epoch")
    axes.set_title("time")
    axes.set_ylabel("time of a step / SGD's" if relative else "seconds per epoch")


def _memory(axes: Axes, report: Report, rows: list[Row]) -> None:
    _by_optimizer(axes, report, rows, "optimizer_bytes_per_parameter")
    axes.set_title("optimizer memory")
    axes.set_ylabel("bytes per parameter")


def _by_optimizer(axes: Axes, report: Report, rows: list[Row], key: str) -> None:
    """Draw one point a learning rate, side by side above its optimizer's name; the axis starts at zero."""
    axes.set_ylim(0, 1.12 * max(_ends(rows, key)) or 1.0)
    for row in rows:
        x = report["optimizers"].index(row["optimizer"]) + 0.14 * (row["rank"] - (_lr_count(rows) - 1) / 2)
        _mark(axes, report, row, dict.fromkeys(("value", "low", "high"), x), row[key])
    few = len(report["optimizers"]) < 4
    names = [
        for_figure(name, 14) if few else "\n".join(for_figure(part, 8) for part in name.split("_"))
        for name in report["optimizers"]
    ]
    axes.set_xticks(range(len(names)), names)
    for x, name in enumerate(report["optimizers"]):
        if not any(row["optimizer"] == name for row in rows):
            axes.text(x, 0.04, NOTHING, transform=axes.get_xaxis_transform(), ha="center", color="#777777")
    axes.set_xlim(-0.6, len(names) - 0.4)
    axes.grid(visible=False, axis="x")


def _lr_count(rows: list[Row]) -> int:
    return 1 + max(int(row["rank"]) for row in rows)


def _mark(axes: Axes, report: Report, row: Row, x: Row, y: Row) -> None:
    axes.errorbar(
        x["value"],
        y["value"],
        xerr=[[x["value"] - x["low"]], [x["high"] - x["value"]]],
        yerr=[[y["value"] - y["low"]], [y["high"] - y["value"]]],
        **markers(look(report["optimizers"], row["optimizer"], row["rank"])),
        markersize=6,
        linestyle="none",
        elinewidth=0.8,
    )


def _ends(rows: list[Row], key: str) -> list[float]:
    return [row[key][end] for row in rows if row[key] for end in ("value", "low", "high") if row[key][end] is not None]
