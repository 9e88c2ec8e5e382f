"""The spectral density on a linear and on a symmetric-log axis, with outliers as spikes."""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullLocator

from landscape.report.figures.axis_scale import tick_text
from landscape.report.figures.canvas import WIDTH, Drawing, canvas
from landscape.report.mass_near_zero import allowed, share
from landscape.report.numbers import number, with_error
from landscape.report.palette import BLACK, BLUE, VERMILION

NAME = "spectral_density"
FLOOR = 0.03  # the lowest density shown, in peaks of a single smoothed eigenvalue


def density_figure(density: Mapping[str, Any], name: str = NAME) -> Drawing:
    """Return the drawing of a density as ``SpectralDensity.to_dict`` gives it."""
    figure = canvas(WIDTH, 3.0)
    panels = figure.subplots(1, 2)
    for axes, kind in zip(panels, ("linear", "symlog"), strict=True):
        _panel(axes, density, density[kind])
    panels[0].set_ylabel("density")
    panels[1].set_ylabel("density per unit of arsinh")
    panels[0].set_title("linear axis")
    panels[1].set_title("symmetric-log axis")
    figure.legend(handles=_handles(density), loc="outside upper center", ncols=2)
    figure.supxlabel(f"eigenvalue\n{near_zero(density)}", fontsize=8.0)
    return Drawing(name, figure, caption(density), dict(density))


def outliers(density: Mapping[str, Any], side: str = "above") -> str:
    """Return how many outliers stand apart on one side of the bulk, against the number of classes."""
    found, classes = density[side], density.get("num_classes")
    held = f", {classes} classes" if classes else ""
    if found["count"]:
        plural = "" if found["count"] == 1 else "s"
        return f"{found['count']} outlier{plural} {side} the bulk{held}"
    return f"no clear gap {side} the bulk{held}"


def near_zero(density: Mapping[str, Any]) -> str:
    """Return the mass near zero with its error, what the quadrature allows, and the threshold."""
    mass = density["near_zero"]
    text = f"{share(mass)} % of the eigenvalues within ±{number(mass['threshold'], 2)}"
    return f"{text} ({allowed(mass)})" if allowed(mass) else text


def caption(density: Mapping[str, Any]) -> str:
    """Return what the panels show, in words."""
    steps, probes = density["steps"], density["probes"]
    band = f"the band is one standard error over {probes} probes" if probes > 1 else "from one probe, without an error"
    return (
        f"Spectral density of an operator on {density['n']} parameters by stochastic Lanczos quadrature ({probes} "
        f"probes of {steps} steps, {density['matvecs']} products), smoothed by Gaussians as wide as the distance "
        f"between nodes and at least {number(density['linear']['width'], 2)} (left) and "
        f"{number(density['symlog']['width'], 2)} units of "
        f"arsinh(eigenvalue / {number(density['symlog']['linear_below'], 2)}) (right); {band}. Spikes are outliers, "
        f"each as high as one eigenvalue with the least smoothing; marks at the bottom are the other eigenvalues that "
        f"are resolved one by one: {outliers(density)}.{_gap(density)} "
        f"{near_zero(density)}. Trace by these probes: "
        f"{with_error(density['trace']['value'], density['trace']['error'])}."
    )


def _gap(density: Mapping[str, Any]) -> str:
    """Return how far the leading eigenvalues are apart, also at the number of classes."""
    found, classes = density["above"], density.get("num_classes")
    values = found["values"]
    if len(values) < 2 or not found["gap_after"]:
        return ""
    there = ""
    if classes and classes < len(values):
        there = f" (after {classes}, the number of classes, it is {number(values[classes - 1] / values[classes])})"
    return (
        f" The largest ratio of two neighbours among the {len(values)} leading eigenvalues is {number(found['gap'])}, "
        f"after {found['gap_after']}{there}; a clear gap is one of at least 1.5."
    )


def _panel(axes: Axes, density: Mapping[str, Any], curve: Mapping[str, Any]) -> None:
    grid, value = np.array(curve["grid"]), np.array(curve["density"])
    error = np.array([each or 0.0 for each in curve["error"]])
    floor = FLOOR * curve["one_eigenvalue"]
    axes.set_yscale("log")
    axes.fill_between(grid, np.maximum(value - error, floor), np.maximum(value + error, floor), **_BAND)
    axes.plot(grid, np.maximum(value, floor), color=BLUE, linewidth=1.1)
    for side in ("above", "below"):
        found = density[side]["values"][: density[side]["count"]]
        axes.vlines(found, floor, curve["one_eigenvalue"], color=VERMILION, linewidth=1.0)
        axes.plot(found, [curve["one_eigenvalue"]] * len(found), "o", color=VERMILION, markersize=3)
        others = density[side]["values"][density[side]["count"] :]
        axes.plot(others, [0.025] * len(others), "|", **_RUG, transform=axes.get_xaxis_transform())
    axes.set_ylim(floor, 3 * float((value + error).max()))
    axes.yaxis.set_major_locator(LogLocator(numticks=6))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_formatter(FuncFormatter(lambda each, _: tick_text(each)))
    axes.xaxis.set_minor_locator(NullLocator())
    if curve["linear_below"] is None:
        axes.xaxis.set_major_locator(MaxNLocator(5))
    else:
        axes.set_xscale("asinh", linear_width=curve["linear_below"])
        axes.set_xticks(decades(grid[0], grid[-1], curve["linear_below"]))
        axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda each, _: tick_text(each)))
    axes.set_xlim(grid[0], grid[-1])


def decades(low: float, high: float, linear_below: float) -> list[float]:
    """Return zero, powers of ten of either sign, no more than four a side, and where these do not reach it the end."""
    # nearer to zero its label would run into that of zero
    first = math.ceil(math.log10(1.6 * linear_below))
    sides = []
    for end in (-low, high):
        last = math.floor(math.log10(end)) if end > 0 else first - 1
        exponents = list(range(last, first - 1, -1))
        sides.append([float(f"1e{each}") for each in exponents[:: -(-len(exponents) // 4) or 1]])
    ticks = [*(-each for each in sides[0]), 0.0, *reversed(sides[1])]
    return _with_ends(ticks, low, high, linear_below)


def _with_ends(ticks: list[float], low: float, high: float, linear_below: float) -> list[float]:
    """Return the ticks, with one more at each end of the axis that is far from the last of them."""

    def place(value: float) -> float:
        return math.asinh(value / linear_below)

    span = place(high) - place(low)
    first, last = _rounded(low), _rounded(high)
    if place(ticks[0]) - place(first) > _ROOM[0] * span:
        ticks = [first, *ticks]
    return [*ticks, last] if place(last) - place(ticks[-1]) > _ROOM[1] * span else ticks


def _rounded(end: float) -> float:
    """Return the value of one digit, or 1.5 of a power of ten, that is nearest to an end of the axis and within it."""
    exponent = math.floor(math.log10(abs(end))) if end else 0
    mantissa = abs(end) / 10.0**exponent * (1 + 1e-12)
    digit = 1.5 if 1.5 <= mantissa < 2 else math.floor(mantissa)
    return math.copysign(float(f"{digit}e{exponent}"), end) if end else 0.0


_ROOM = (0.14, 0.11)  # share of the axis that the label of its first and last tick needs from the next, with its sign
_BAND: dict[str, Any] = {"color": BLUE, "alpha": 0.25, "linewidth": 0}
_RUG: dict[str, Any] = {"color": BLACK, "markersize": 6, "markeredgewidth": 0.7}


def _handles(density: Mapping[str, Any]) -> list[Any]:
    handles: list[Any] = [Line2D([], [], color=BLUE, label=f"density, {density['probes']} probes")]
    if density["probes"] > 1:
        handles.append(Patch(**_BAND, label="standard error"))
    others = sum(len(density[side]["values"]) - density[side]["count"] for side in ("above", "below"))
    if others:
        label = f"{others} more eigenvalues resolved"
        handles.append(Line2D([], [], **_RUG, marker="|", linestyle="", label=label))
    found = any(density[side]["count"] for side in ("above", "below"))
    style: dict[str, Any] = {"color": VERMILION, "marker": "o", "markersize": 3} if found else {"marker": ""}
    handles.append(Line2D([], [], **style, linestyle="", label=_both_sides(density)))
    return handles


def _both_sides(density: Mapping[str, Any]) -> str:
    """Return the outliers of either side in one line: their spikes look the same."""
    counts = [density[side]["count"] for side in ("above", "below")]
    if not counts[1]:
        return outliers(density)
    classes = density.get("num_classes")
    held = f", {classes} classes" if classes else ""
    return f"outliers: {counts[0]} above, {counts[1]} below the bulk{held}"
