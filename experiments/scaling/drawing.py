"""The figure: seconds a product against examples, parameters and processes, and on paper."""

import statistics
from pathlib import Path
from typing import Any

import numpy as np
import on_paper
from matplotlib.axes import Axes

from landscape.report.figures.canvas import WIDTH, Drawing, canvas, save, style
from landscape.report.palette import BLUE, GREEN, PURPLE, SKY, VERMILION

DEVICES, TOKENS = 1024, 1e9
CAPTION = (
    "Seconds of the processor for a Hessian-vector product on one core (medians over rounds) against examples, "
    "parameters and processes, and seconds on paper of its parts on 1,024 devices and 1e9 tokens. Grey: in proportion."
)


def draw(everything: dict[str, Any], folder: Path) -> None:
    """Write ``scaling.pdf``, ``.png`` and ``.json``; of the first device that was measured."""
    rows = [row for found in list(everything.values())[:1] for row in found["rows"].values()]
    with style():
        figure = canvas(WIDTH, 5.2)
        axes = figure.subplots(2, 2)
        numbers = {
            "examples": _examples(axes[0, 0], rows),
            "parameters": _parameters(axes[0, 1], rows),
            "processes": _processes(axes[1, 0], rows),
            "on paper": _on_paper(axes[1, 1]),
        }
        for letter, each in zip("abcd", axes.flat, strict=True):
            name = each.get_title()
            each.set_title("")
            each.set_title(f"({letter}) {name}", loc="left")
        save(Drawing("scaling", figure, CAPTION, numbers), folder)


def _points(rows: list[dict[str, Any]], by: str, what: str) -> tuple[list[float], list[float]]:
    pairs = sorted((row[by], statistics.median(each[what] for each in row["rounds"])) for row in rows)
    return [x for x, _ in pairs], [y for _, y in pairs]


def _examples(axes: Axes, rows: list[dict[str, Any]]) -> dict[str, Any]:
    numbers = {}
    for network, color, marker in (("perceptron", BLUE, "o"), ("resnet20", VERMILION, "s")):
        chosen = [row for row in rows if row["series"] == "examples" and row["network"] == network]
        if chosen:
            x, y = _points(chosen, "examples", "product_cpu")
            size = chosen[0]["parameters"]
            axes.loglog(x, y, color=color, marker=marker, label=f"{network}, {size:.2g} parameters")
            _slope(axes, x, y)
            numbers[network] = {"examples": x, "seconds": y}
    axes.set(xlabel="examples", ylabel="seconds a product", title="held graphs")
    axes.set_ylim(top=axes.get_ylim()[1] * 30)  # room for the legend
    _legend(axes)
    return numbers


def _parameters(axes: Axes, rows: list[dict[str, Any]]) -> dict[str, Any]:
    chosen = [row for row in rows if row["series"] == "parameters"]
    numbers = {}
    for what, color, marker in (("product", BLUE, "o"), ("gradient", GREEN, "^")):
        if chosen:
            x, y = _points(chosen, "parameters", f"{what}_cpu")
            axes.loglog(x, y, color=color, marker=marker, label=f"{what}, perceptron, {chosen[0]['examples']} examples")
            _slope(axes, x, y)
            numbers[what] = {"parameters": x, "seconds": y}
    models = [row for row in rows if row["series"] == "models"]
    for row, marker in zip(models, "*X", strict=False):
        x, y = _points([row], "parameters", "product_cpu")
        count = f"{row['tokens']} tokens" if row["tokens"] else f"{row['examples']} images"
        axes.loglog(
            x, y, color=PURPLE, marker=marker, markersize=7, linestyle="none", label=f"{row['network']}, {count}"
        )
        numbers[row["network"]] = {"parameters": x, "seconds": y}
    axes.set(xlabel="parameters", ylabel="seconds", title="parameters")
    _legend(axes)
    return numbers


def _slope(axes: Axes, x: list[float], y: list[float]) -> None:
    """Draw what grows in proportion, through the last point."""
    axes.loglog(x, [y[-1] * each / x[-1] for each in x], color="#999999", linewidth=0.7, linestyle=(0, (2, 2)))


def _processes(axes: Axes, rows: list[dict[str, Any]]) -> dict[str, Any]:
    numbers: dict[str, Any] = {}
    for sharded, color, marker in ((False, BLUE, "o"), (True, VERMILION, "s")):
        chosen = [row for row in rows if row["series"] == "processes" and row["sharded"] == sharded]
        if not chosen:
            continue
        kind = "sharded" if sharded else "whole"
        x, y = _points(chosen, "processes", "product_cpu")
        axes.plot(x, y, color=color, marker=marker, label=f"parameters {kind}")
        if not sharded:
            axes.plot(x, [y[0] * x[0] / each for each in x], color="#999999", linewidth=0.7, linestyle=(0, (2, 2)))
        numbers[kind] = {"processes": x, "seconds": y}
    axes.set(xlabel="processes", ylabel="processor's seconds of each", title="1,024 examples dealt out", ylim=(0, None))
    axes.set_xticks(sorted({row["processes"] for row in rows if row["series"] == "processes"} or {1}))
    _legend(axes, "lower left")
    return numbers


def _on_paper(axes: Axes) -> dict[str, Any]:
    sizes = np.logspace(6, 12, 61)
    costs = [on_paper.cost(n, TOKENS, DEVICES) for n in sizes]
    numbers: dict[str, Any] = {"parameters": sizes.tolist()}
    looks = (("compute", BLUE, "-"), ("exchange", VERMILION, (0, (5, 1.5))), ("basis", SKY, (0, (1, 1))))
    for part, color, line in looks:
        seconds = [float(getattr(each, part)) for each in costs]
        axes.loglog(sizes, seconds, color=color, linestyle=line, label=part)
        numbers[part] = seconds
    most = on_paper.largest_network(DEVICES)
    axes.axvspan(most, sizes[-1], color="#eeeeee", zorder=0)
    axes.text(0.97, 0.04, "beyond the memory\nof a device", transform=axes.transAxes, ha="right", fontsize=7)
    axes.set(xlabel="parameters", ylabel="seconds a product", title=f"on paper: {DEVICES:,} devices, 1e9 tokens")
    _legend(axes)
    return numbers


def _legend(axes: Axes, place: str = "upper left") -> None:
    if axes.get_legend_handles_labels()[0]:
        axes.legend(loc=place)
    else:
        axes.text(0.5, 0.5, "not measured yet", transform=axes.transAxes, ha="center")
