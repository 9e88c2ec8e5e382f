"""Training curves and trade-offs as interactive plots."""

from typing import Any

import numpy as np
from matplotlib.ticker import MaxNLocator

from landscape.report import histories
from landscape.report.escape import for_plotly
from landscape.report.figures.axis_scale import AxisScale, axis_scale, tick_text
from landscape.report.figures.sensitivity import Shown, sensitivity_lines
from landscape.report.figures.trade_offs import quality, speed
from landscape.report.figures.training_curves import TARGETS
from landscape.report.folder import Array, Report
from landscape.report.histories import QUANTITIES, Curve
from landscape.report.numbers import number, plain, spread
from landscape.report.page.plot import Plot, axis, layout, marker, rounded
from landscape.report.palette import look

MOST_POINTS = 120  # of one curve on the page; the JSON beside the figure has all


def training_plots(report: Report) -> list[Plot]:
    """Return a plot for each recorded quantity, against epochs, with seconds at hand for the switch."""
    plots = []
    for quantity, name in QUANTITIES.items():
        found = histories.curves(report, quantity)
        if found and max(len(curve.value) for curve in found) > 1:
            plots.append(_curves(report, quantity, name, found))
    return plots


def _curves(report: Report, quantity: str, name: str, found: list[Curve]) -> Plot:
    medians = histories.medians(found)
    targets = histories.targets(report, TARGETS[quantity]) if quantity in TARGETS else []
    log_from = 8.0 if quantity != "test_accuracy" else np.inf
    scale = axis_scale([*histories.value_range(found), *targets], log_from, margin=0.05)
    shapes = [
        {
            "type": "line",
            "xref": "paper",
            "x0": 0,
            "x1": 1,
            "y0": target,
            "y1": target,
            "line": {"dash": "dot", "width": 1},
        }
        for target in targets
    ]
    every = [*((curve, False) for curve in found), *((curve, True) for curve in medians)]
    lost = [curve for curve in found if curve.diverged]
    ends = [float(curve.seconds[histories.last_finite(curve)]) for curve in lost]
    return Plot(
        key=f"curve-{quantity}",
        title=name
        + (f" (dotted: target {targets[0]:g})" if len(targets) == 1 else "")
        + ("; cross: diverged" if lost else ""),
        label=f"Line chart of the {name} of {len(found)} runs against epochs, with medians for each setting.",
        traces=[*(_line(report, *each) for each in every), *(_cross(report, curve, scale) for curve in lost)],
        layout=layout(axis("epoch"), axis(name, scale), shapes=shapes),
        seconds=[*(rounded(_thin(curve.seconds)) for curve, _ in every), *(rounded(np.array([end])) for end in ends)],
    )


def _line(report: Report, curve: Curve, thick: bool) -> dict[str, Any]:
    style = look(report["optimizers"], curve.optimizer, curve.lr_rank)
    setting = f"{for_plotly(curve.optimizer)}, lr {plain(curve.lr)}"
    name = f"median of {setting}" if thick else for_plotly(curve.run)
    values = _thin(curve.value)
    return {
        "type": "scatter",
        "mode": "lines+markers" if thick else "lines",
        "x": rounded(_thin(curve.epoch)),
        "y": rounded(values),
        "text": [f"{name}<br>{number(value)}" for value in values.tolist()],
        "hoverinfo": "text",
        "line": {"color": style.color, "width": 2.4 if thick else 0.8, "dash": style.dash if thick else "solid"},
        "marker": marker(style, 8) | {"maxdisplayed": 5},
        "opacity": 1 if thick else 0.45,
    }


def _cross(report: Report, curve: Curve, scale: AxisScale) -> dict[str, Any]:
    """Return the mark at the end of a diverged run, inside the plot even where its loss is far outside."""
    last = histories.last_finite(curve)
    value = float(curve.value[last])
    return {
        "type": "scatter",
        "mode": "markers",
        "x": [float(curve.epoch[last])],
        "y": [min(max(value, scale.low), scale.high)],
        "text": [f"{for_plotly(curve.run)} diverged<br>{number(value)}"],
        "hoverinfo": "text",
        "cliponaxis": False,
        "marker": {
            "symbol": "x",
            "size": 11,
            "color": look(report["optimizers"], curve.optimizer).color,
            "line": {"color": "white", "width": 1.5},
        },
    }


def _thin(values: Array) -> Array:
    """Return at most ``MOST_POINTS`` of the values, evenly, the last among them."""
    keep = np.linspace(0, len(values) - 1, min(len(values), MOST_POINTS)).round().astype(int)
    return np.take(values, keep)


def trade_off_plots(report: Report) -> list[Plot]:
    """Return speed against generalization, and speed against the learning rate, where the target was reached."""
    rows = report.get("trade_offs") or []
    timed = [row for row in rows if row[speed(rows)] and row[quality(rows)]]
    by_lr = [row for row in rows if row["lr"] is not None]
    plots = [_speed_and_quality(report, timed)] if timed else []
    if any(row["epochs_to_target_loss"] for row in by_lr):
        plots.append(_speed_by_lr(report, by_lr))
    return [*plots, *_sensitivity(report, by_lr)]


def _sensitivity(report: Report, rows: list[dict[str, Any]]) -> list[Plot]:
    """Return the result at the end against the learning rate over each optimizer's best one."""
    key, lines = quality(rows), sensitivity_lines(rows)
    points = [(ratio, row) for line in lines for ratio, row in line if row[key]]
    if not points:
        return []
    shown = Shown.of(lines, key)
    traces = []
    for ratio, row in points:
        y = shown.spread(row)
        text = f"{shown.name} {spread(y)}<br>{ratio:.3g} times the best learning rate"
        traces.append(_mark(report, row, dict.fromkeys(("value", "low", "high"), ratio), y, text))
    return [
        Plot(
            key="trade-sensitivity",
            title="Sensitivity to the learning rate",
            label=f"Scatter plot of {shown.name} against the learning rate over the best one.",
            traces=traces,
            layout=layout(
                axis("learning rate / best one", axis_scale([x for x, _ in points], 1.5)), axis(shown.name, shown.scale)
            ),
        )
    ]


def _speed_and_quality(report: Report, rows: list[dict[str, Any]]) -> Plot:
    key, fast = quality(rows), speed(rows)
    unit = fast.partition("_")[0]
    factor = 100 if key == "test_accuracy" else 1
    name = "test accuracy (%)" if factor == 100 else "test loss"
    traces = []
    for row in rows:
        y = {end: factor * row[key][end] for end in ("value", "low", "high")}
        text = f"{name} {spread(y)}<br>{spread(row[fast])} {unit} to the target"
        text += "<br>nothing beats it in both" if row.get("pareto") else ""
        traces.append(_mark(report, row, row[fast], y, text))
    return Plot(
        key="trade-speed-quality",
        title="Speed and generalization",
        label=f"Scatter plot of {name} against {unit} to the target loss, one point a setting.",
        traces=traces,
        layout=layout(axis(f"{unit} to the target loss"), axis(name)),
    )


def _speed_by_lr(report: Report, rows: list[dict[str, Any]]) -> Plot:
    ends = [
        row["epochs_to_target_loss"][end] for row in rows if row["epochs_to_target_loss"] for end in ("low", "high")
    ]
    scale = axis_scale(ends, np.inf)
    never = scale.high + 0.12 * (scale.high - scale.low)
    traces = []
    for row in rows:
        y = row["epochs_to_target_loss"] or dict.fromkeys(("value", "low", "high"), never)
        text = f"{spread(y) if y['value'] != never else 'never'} epochs<br>{row['reached']} of {row['runs']} runs"
        traces.append(_mark(report, row, dict.fromkeys(("value", "low", "high"), row["lr"]), y, text))
    ticks = [tick for tick in MaxNLocator(5).tick_values(scale.low, scale.high) if scale.low <= tick <= scale.high]
    y_axis = axis("epochs to the target loss", AxisScale(scale.low, 2 * never - scale.high, log=False))
    y_axis |= {"tickvals": [*ticks, never], "ticktext": [*(tick_text(tick) for tick in ticks), "never"]}
    line = {"type": "line", "xref": "paper", "x0": 0, "x1": 1, "y0": scale.high, "y1": scale.high}
    missed = any(not row["epochs_to_target_loss"] for row in rows)
    return Plot(
        key="trade-speed-lr",
        title="Speed by learning rate",
        label="Scatter plot of the epochs to the target loss against the learning rate.",
        traces=traces,
        layout=layout(
            axis("learning rate", axis_scale([row["lr"] for row in rows], log_from=1.5)),
            y_axis if missed else axis("epochs to the target loss", scale),
            shapes=[line | {"line": {"dash": "dot", "width": 1}}] if missed else [],
        ),
    )


def _mark(report: Report, row: dict[str, Any], x: dict[str, Any], y: dict[str, Any], text: str) -> dict[str, Any]:
    ranks = {(run["optimizer"], run.get("lr")): run.get("lr_rank") or 0 for run in report["runs"]}
    style = look(report["optimizers"], row["optimizer"], ranks.get((row["optimizer"], row["lr"]), 0))
    bars = {"type": "data", "symmetric": False, "thickness": 1, "width": 0, "color": style.color}
    return {
        "type": "scatter",
        "mode": "markers",
        "x": [x["value"]],
        "y": [y["value"]],
        "error_x": bars | {"array": [x["high"] - x["value"]], "arrayminus": [x["value"] - x["low"]]},
        "error_y": bars | {"array": [y["high"] - y["value"]], "arrayminus": [y["value"] - y["low"]]},
        "text": [f"{for_plotly(row['optimizer'])}, lr {plain(row['lr'])}<br>{text}"],
        "hoverinfo": "text",
        "marker": marker(style, 10),
    }
