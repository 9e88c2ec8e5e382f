"""Optimizers by measures as a heat map: who is sharper, by how much, and whether the measures agree."""

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap

from landscape.report import points as view
from landscape.report.escape import for_figure
from landscape.report.figures.canvas import WIDTH, Drawing, LeftOut, canvas, letters
from landscape.report.folder import Report
from landscape.report.numbers import NOTHING, ratio
from landscape.report.palette import BLUE, VERMILION
from landscape.report.symbols import term_for_figure
from landscape.stops import file_name, stop_words

NAME = "optimizer_by_measure"
# two hues around white, as light as each other at the same distance from it
_MAP = LinearSegmentedColormap.from_list("ratio", [BLUE, "#ffffff", VERMILION])
_ROW = 0.27  # inches
_MOST = math.log(4)


def contrast_maps(report: Report) -> Iterator[Drawing | LeftOut]:
    """Yield one heat map for each stop: a row a measure, a column an optimizer, the last says whether all agree."""
    drawn = 0
    for stop in view.main_stops(report):
        cells = contrast_cells(report, stop)
        if cells:
            yield _figure(report, stop, cells)
            drawn += 1
    if not drawn:
        one = len(report["optimizers"]) < 2
        yield LeftOut(NAME, "there is only one optimizer" if one else "no ratio could be computed")


def contrast_cells(report: Report, stop: str) -> dict[str, dict[str, dict[str, Any]]]:
    """Return the pooled ratio of each measure and optimizer, by their names, with which way it clearly points."""
    found: dict[str, dict[str, dict[str, Any]]] = {}
    for measure in view.measured(report, stop):
        for other in report["optimizers"][1:]:
            for row in view.ratios(report, stop, measure["name"], other):
                if row["pairing"] == "all" and (row["ratio"] or 0) > 0:
                    clear = row["low"] is not None and (row["low"] > 1 or row["high"] < 1)
                    way = 0 if not clear else 1 if row["ratio"] > 1 else -1
                    cell = {key: row.get(key) for key in ("ratio", "low", "high", "p_value", "p_holm")}
                    found.setdefault(measure["name"], {})[other] = {**cell, "larger": way}
    return found


def agreement(report: Report, cells: dict[str, dict[str, dict[str, Any]]], other: str) -> str:
    """Return whether the clear ratios of the measures of sharpness say the same of an optimizer."""
    signs = {measure["name"]: measure.get("sign", 1) for measure in report["measures"]}
    ways = {signs[name] * row[other]["larger"] for name, row in cells.items() if other in row} - {0}
    return "none clear" if not ways else "disagree" if len(ways) > 1 else "sharper" if ways == {1} else "flatter"


def _figure(report: Report, stop: str, cells: dict[str, dict[str, dict[str, Any]]]) -> Drawing:
    measures = [each for each in view.measured(report, stop) if each["name"] in cells]
    others = report["optimizers"][1:]
    names_width = 0.3 + 0.06 * max(len(str(view.term(measure))) for measure in measures)
    figure = canvas(min(WIDTH, names_width + 0.95 * len(others)), 1.05 + _ROW * (len(measures) + 1))
    axes = figure.subplots()
    logs = np.full((len(measures) + 1, len(others)), np.nan)
    for i, measure in enumerate(measures):
        for j, other in enumerate(others):
            cell = cells[measure["name"]].get(other)
            if cell:
                logs[i, j] = math.log(cell["ratio"])
            _write(axes, cell, i, j)
    axes.imshow(np.ma.masked_invalid(logs), cmap=_MAP, vmin=-_MOST, vmax=_MOST, aspect="auto")
    signs = {other: agreement(report, cells, other) for other in others}
    for j, other in enumerate(others):
        axes.text(j, len(measures), signs[other], ha="center", va="center", fontsize=letters(7.0), style="italic")
    names = [term_for_figure(view.term(measure), 36).replace("\n", "  ") for measure in measures]
    first = for_figure(report["optimizers"][0], 16)
    axes.set_yticks(range(len(measures) + 1), [*names, "sharpness"], fontsize=letters(7.0))
    axes.set_xticks(
        range(len(others)), [f"{for_figure(other, 14)}\n/ {first}" for other in others], fontsize=letters(7.5)
    )
    axes.xaxis.tick_top()
    axes.tick_params(length=0)
    axes.grid(visible=False)
    for spine in axes.spines.values():
        spine.set_visible(False)
    axes.axhline(len(measures) - 0.5, color="#444444", linewidth=0.7)
    return Drawing(f"{NAME}_{file_name(stop)}", figure, _caption(report, stop), {"cells": cells, "sharpness": signs})


def _write(axes: Axes, cell: dict[str, Any] | None, i: int, j: int) -> None:
    if cell is None:
        axes.text(j, i, NOTHING, ha="center", va="center", fontsize=letters(7.0), color="#777777")
        return
    clear = bool(cell["larger"])
    text = ratio(cell["ratio"]) + (" *" if clear else "")
    dark = abs(math.log(cell["ratio"])) > 0.75 * _MOST
    color = "white" if dark else "#111111" if clear else "#777777"
    axes.text(j, i, text, ha="center", va="center", fontsize=letters(7.0), color=color)


def _caption(report: Report, stop: str) -> str:
    return (
        f"Ratio of each measure to that of {report['optimizers'][0]} {stop_words(stop)}, over all pairs of runs; "
        f"* where its interval excludes 1. Red is larger, blue smaller, full colour a factor of four. The last row "
        f"says whether the clear ones of the measures of sharpness agree; norms, margins and the like take no part."
    )
