"""An audit as a heat map: the darker, the further a measure moved; the factor stands in each cell."""

import math
import re
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure

from landscape.report.audit.cells import cell_text
from landscape.report.escape import for_figure
from landscape.report.figures.canvas import WIDTH, Drawing, canvas
from landscape.report.numbers import number
from landscape.report.symbols import Term, term_for_figure

Network = dict[str, Any]
# one hue from white to dark: its order is that of the printed greys too, whatever the colours are seen as
_MAP = LinearSegmentedColormap.from_list("moved", ["#ffffff", "#cfe1f2", "#7fb3d5", "#2b7bb9", "#08306b"])
_WHITE_FROM = 0.62
_LEAST, _MOST = 1.0, 2.5  # decades of the colour scale
_ROW = 0.235  # inches


def audit_figures(result: dict[str, Any]) -> list[Drawing]:
    """Return a heat map for each network of an audit."""
    names = [f"audit_{_slug(network['name'])}" for network in result["networks"]]
    return [_figure(network, name) for network, name in zip(result["networks"], names, strict=True)]


def _figure(network: Network, name: str) -> Drawing:
    shown = [each for each in network["transformations"] if each["applies"]]
    rows = [row for row in network["rows"] if row["value"] is not None]
    figure = canvas(WIDTH, 1.15 + _ROW * len(rows))
    axes = figure.subplots()
    decades = _decades(rows, [each["key"] for each in shown])
    most = min(_MOST, max(_LEAST, float(np.nanmax(np.abs(decades), initial=0.0))))
    axes.imshow(np.ma.masked_invalid(np.abs(decades)), cmap=_MAP, vmin=0, vmax=most, aspect="auto")
    for i, row in enumerate(rows):
        cells = {each["transformation"]: each for each in row["cells"]}
        for j, column in enumerate(shown):
            _write(axes, cells[column["key"]], i, j, abs(decades[i, j]) / most)
    _label(axes, rows, shown)
    _scale(figure, axes, most)
    figure.suptitle(for_figure(network["name"]), fontsize=8.5)
    return Drawing(name, figure, _caption(network), network)


def _decades(rows: list[Network], keys: list[str]) -> np.ndarray:
    """Return log10 of each factor: 0 where nothing moved beyond its error, NaN where nothing was measured."""
    decades = np.full((len(rows), len(keys)), math.nan)
    for i, row in enumerate(rows):
        for cell in row["cells"]:
            if cell["transformation"] in keys and cell["verdict"] is not None:
                moved = cell["verdict"] == "moved" and cell["factor"]
                decades[i, keys.index(cell["transformation"])] = math.log10(abs(cell["factor"])) if moved else 0.0
    return decades


def _write(axes: Axes, cell: dict[str, Any], i: int, j: int, darkness: float) -> None:
    text = "=" if cell["verdict"] == "invariant" else cell_text(cell)
    dark = math.isfinite(darkness) and darkness > _WHITE_FROM
    color = "white" if dark else "#777777" if text == "=" else "#111111"
    axes.text(j, i, text, ha="center", va="center", fontsize=7.0, color=color)


def _label(axes: Axes, rows: list[Network], columns: list[dict[str, Any]]) -> None:
    names = [term_for_figure(Term(row["label"], row["symbol"]), 46).replace("\n", "  ") for row in rows]
    axes.set_yticks(range(len(rows)), names, fontsize=7.0)
    axes.set_xticks(range(len(columns)), [each["label"].replace(" ", "\n", 1) for each in columns], fontsize=7.5)
    axes.xaxis.tick_top()
    axes.tick_params(length=0)
    axes.grid(visible=False)
    for spine in axes.spines.values():
        spine.set_visible(False)
    for edge in np.arange(-0.5, len(rows), 1):
        axes.axhline(edge, color="#d9d9d9", linewidth=0.5)
    for edge in np.arange(-0.5, len(columns), 1):
        axes.axvline(edge, color="#d9d9d9", linewidth=0.5)


def _scale(figure: Figure, axes: Axes, most: float) -> None:
    bar = figure.colorbar(axes.images[0], ax=axes, orientation="horizontal", fraction=0.03, pad=0.02, aspect=40)
    ticks = [0.0, math.log10(2), 1.0, *([2.0] if most >= 2 else [])]
    bar.set_ticks(ticks, labels=["1", "2", "10", "100"][: len(ticks)])
    bar.set_label("moved by the factor, or by one over it", fontsize=7.5)
    bar.outline.set_visible(False)
    bar.ax.tick_params(labelsize=7.0, length=2)


def _caption(network: Network) -> str:
    checked = [each["output_difference"] for each in network["transformations"] if each["applies"]]
    worst = number(max(checked, default=0.0), 2)
    about = f"{network['name']}, {network['origin']}"
    return (
        f"{about}: the factor by which each measure moved under transformations that leave the function as it is "
        f"(logits ×2: the decisions only). = stands for less than the measure's own error, ± for a change within an "
        f"error above 1 %. The outputs differed by at most {worst} of the largest."
    )


def _slug(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_") or "network"
