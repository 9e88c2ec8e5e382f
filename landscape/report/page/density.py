"""A spectral density as interactive plots, on a linear and on a symmetric-log axis."""

from typing import Any

import numpy as np

from landscape.report.figures.axis_scale import AxisScale, tick_text
from landscape.report.figures.density import FLOOR, decades
from landscape.report.numbers import number
from landscape.report.page.plot import Plot, axis, layout, rounded
from landscape.report.palette import BLACK, BLUE, VERMILION

BAND = "rgba(0, 114, 178, 0.22)"


def density_plots(density: dict[str, Any], key: str = "density") -> list[Plot]:
    """Return a plot for each axis of a density as ``SpectralDensity.to_dict`` gives it."""
    return [_plot(density, kind, f"{key}-{kind}") for kind in ("linear", "symlog")]


def _plot(density: dict[str, Any], kind: str, key: str) -> Plot:
    curve = density[kind]
    name = {"linear": "linear axis", "symlog": "symmetric-log axis"}[kind]
    floor = FLOOR * curve["one_eigenvalue"]
    value = np.array(curve["density"])
    error = np.array([each or 0.0 for each in curve["error"]])
    top = 3 * float((value + error).max())
    x = _axis(np.array(curve["grid"]), curve)
    y_title = "density" if kind == "linear" else "density per unit of arsinh"
    return Plot(
        key=key,
        title=name,
        label=f"Spectral density of {density['n']} eigenvalues, {name}, with outliers as spikes.",
        traces=[*_band(x, value, error, floor), _line(x, value, curve, floor), *_spikes(density, curve, floor)],
        layout=layout(_eigenvalue_axis(curve, x), axis(y_title, AxisScale(floor, top, log=True)), height=340),
    )


def _axis(values: np.ndarray[Any, Any], curve: dict[str, Any]) -> np.ndarray[Any, Any]:
    """Return eigenvalues as they are, or as arsinh of them: plotly has no such axis of its own."""
    below = curve["linear_below"]
    return values if below is None else np.arcsinh(values / below)


def _eigenvalue_axis(curve: dict[str, Any], x: np.ndarray[Any, Any]) -> dict[str, Any]:
    result = axis("eigenvalue") | {"range": [float(x[0]), float(x[-1])], "nticks": 6}
    if curve["linear_below"] is None:
        return result
    ticks = decades(curve["grid"][0], curve["grid"][-1], curve["linear_below"])
    at = _axis(np.array(ticks), curve)
    return result | {"tickvals": rounded(at), "ticktext": [tick_text(tick) for tick in ticks]}


def _band(
    x: np.ndarray[Any, Any], value: np.ndarray[Any, Any], error: np.ndarray[Any, Any], floor: float
) -> list[dict[str, Any]]:
    """Return one standard error to either side, as a line and what is filled up to it."""
    if not error.any():
        return []
    common = {"type": "scatter", "mode": "lines", "x": rounded(x), "hoverinfo": "skip", "line": {"width": 0}}
    low, high = (rounded(np.maximum(value + side * error, floor)) for side in (-1, 1))
    return [common | {"y": low}, common | {"y": high, "fill": "tonexty", "fillcolor": BAND}]


def _line(x: np.ndarray[Any, Any], value: np.ndarray[Any, Any], curve: dict[str, Any], floor: float) -> dict[str, Any]:
    pairs = zip(curve["grid"], value.tolist(), strict=True)
    return {
        "type": "scatter",
        "mode": "lines",
        "x": rounded(x),
        "y": rounded(np.maximum(value, floor)),
        "text": [f"eigenvalue {number(at)}<br>density {_height(height, floor)}" for at, height in pairs],
        "hoverinfo": "text",
        "line": {"color": BLUE, "width": 1.6},
    }


def _height(value: float, floor: float) -> str:
    return number(value) if value >= floor else "below the axis"


def _spikes(density: dict[str, Any], curve: dict[str, Any], floor: float) -> list[dict[str, Any]]:
    """Return outliers as spikes as high as one eigenvalue, and the other resolved ones as marks at the bottom."""
    traces: list[dict[str, Any]] = []
    for side in ("above", "below"):
        values, count = density[side]["values"], density[side]["count"]
        at = rounded(_axis(np.array(values, dtype=float), curve))
        residuals = density[side]["residuals"]
        texts = [
            f"eigenvalue {number(v, 4)}<br>residual {number(r, 2)}" for v, r in zip(values, residuals, strict=True)
        ]
        for place, text in zip(at[:count], texts[:count], strict=True):
            traces.append(_spike(place, text, floor, curve["one_eigenvalue"]))
        if len(values) > count:
            traces.append(_marks(at[count:], texts[count:], floor))
    return traces


def _spike(at: float | None, text: str, floor: float, height: float) -> dict[str, Any]:
    return {
        "type": "scatter",
        "mode": "lines+markers",
        "x": [at, at],
        "y": [floor, height],
        "text": [text] * 2,
        "hoverinfo": "text",
        "line": {"color": VERMILION, "width": 1.4},
        "marker": {"color": VERMILION, "size": [0, 7], "symbol": "circle"},
    }


def _marks(at: list[float | None], texts: list[str], floor: float) -> dict[str, Any]:
    return {
        "type": "scatter",
        "mode": "markers",
        "x": at,
        "y": [1.2 * floor] * len(at),
        "text": texts,
        "hoverinfo": "text",
        "marker": {"color": BLACK, "size": 9, "symbol": "line-ns-open", "line": {"width": 1.2}},
    }
