"""Panels on a page: how many side by side, and when another page is due."""

import itertools
from dataclasses import dataclass
from typing import TypeVar

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from landscape.report.figures.canvas import FAINT, WIDTH, inches, markers
from landscape.report.palette import look

PER_SHEET = 6
CHARACTERS = {1: 42, 2: 32, 3: 26}  # of a label that fits a panel, by the number of columns
Item = TypeVar("Item")


@dataclass(frozen=True)
class Mark:
    """One point of a scatter plot with its error bars, and the run whose look it has."""

    optimizer: str
    lr_rank: int
    x: float
    y: float
    x_error: float | None = None
    y_error: float | None = None
    counted: bool = True


def sheets(items: list[Item], size: int = PER_SHEET) -> list[tuple[str, list[Item]]]:
    """Return ``items`` in even parts of at most ``size``, each with the ending of its figure's name: "", "_2", "_3"."""
    count = -(-len(items) // size) or 1
    ends = [round(len(items) * part / count) for part in range(count + 1)]
    parts = [items[start:end] for start, end in itertools.pairwise(ends) if end > start]
    return [("" if index == 0 else f"_{index + 1}", part) for index, part in enumerate(parts)]


def columns_for(count: int) -> int:
    """Return how many panels stand side by side: at most three, and two rows of two rather than three and one."""
    return 2 if count == 4 else min(count, 3)


def panel_grid(figure: Figure, count: int, height: float) -> list[Axes]:
    """Return ``count`` axes; the figure grows to ``height`` inches a row, and narrows when there are few columns."""
    columns = columns_for(count)
    rows = -(-count // columns)
    figure.set_size_inches(inches({1: 3.4, 2: 5.6}.get(columns, WIDTH)), 0.7 + rows * inches(height))
    grid = figure.subplots(rows, columns, squeeze=False).ravel()
    for axes in grid[count:]:
        axes.remove()
    return list(grid[:count])


def scatter(axes: Axes, optimizers: list[str], marks: list[Mark]) -> None:
    """Draw marks with their error bars, those of one look at once; what the statistics leave out is faint."""
    groups: dict[tuple[str, int, bool], list[Mark]] = {}
    for mark in marks:
        groups.setdefault((mark.optimizer, mark.lr_rank, mark.counted), []).append(mark)
    for (optimizer, rank, counted), group in groups.items():
        style = look(optimizers, optimizer, rank)
        axes.errorbar(
            [mark.x for mark in group],
            [mark.y for mark in group],
            xerr=[mark.x_error or 0.0 for mark in group],
            yerr=[mark.y_error or 0.0 for mark in group],
            **markers(style),
            linestyle="none",
            elinewidth=0.7,
            alpha=1.0 if counted else FAINT,
        )
