"""Which runs differ in one hyper-parameter alone."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from landscape.statistics.cluster_bootstrap import Floats
from landscape.statistics.columns import Columns

Indices = NDArray[np.intp]


@dataclass(frozen=True)
class SettingsGrid:
    """The settings of a study and their neighbours: two settings that differ along one axis.

    Attributes:
        table: The run of each setting and seed, shape ``(settings, seeds)``; -1 where there is none, or several that
            cannot be told apart.
        indistinct: How many runs cannot be told apart by their settings.
        axes: Names of the axes along which settings differ.
        first: Setting of each pair of neighbours with the lower level, shape ``(pairs,)``; sorted by stratum.
        second: The one with the higher level.
        stratum: What the two share: the axis, and the level of all others; ascending from 0.
        axis: Index of the axis of each stratum, ascending, shape ``(strata,)``.
        levels: The level of each setting along each axis, shape ``(settings, axes)``.
    """

    table: Indices
    indistinct: int
    axes: tuple[str, ...]
    first: Indices
    second: Indices
    stratum: Indices
    axis: Indices
    levels: Indices

    def values(self, column: Floats) -> Floats:
        """Return a column of runs by setting and seed, NaN where there is none."""
        return np.append(column, np.nan)[self.table]


def settings_grid(columns: Columns) -> SettingsGrid:
    """Return the grid of a study's runs; learning rates of different optimizers are neighbours by their rank."""
    names = tuple(columns.axes)
    codes = np.array([columns.axes[name] for name in names], dtype=np.intp).reshape(len(names), columns.size).T
    levels, setting = np.unique(codes, axis=0, return_inverse=True)
    setting = setting.reshape(-1)
    place = setting * max(columns.seeds, 1) + columns.seed
    occupied = np.bincount(place, minlength=len(levels) * max(columns.seeds, 1))
    table = np.full(len(levels) * max(columns.seeds, 1), -1, dtype=np.intp)
    table[place] = np.arange(columns.size)
    table[occupied > 1] = -1
    firsts, seconds, strata, axes = [], [], [], []
    total = 0
    for axis in range(len(names)):
        first, second, stratum = _neighbours(levels, axis)
        firsts.append(first)
        seconds.append(second)
        strata.append(stratum + total)
        count = int(stratum.max(initial=-1)) + 1
        axes.append(np.full(count, axis, dtype=np.intp))
        total += count
    joined = [np.concatenate([*each, np.zeros(0, dtype=np.intp)]) for each in (firsts, seconds, strata, axes)]
    return SettingsGrid(
        table.reshape(len(levels), max(columns.seeds, 1)),
        int(occupied[occupied > 1].sum()),
        names,
        first=joined[0],
        second=joined[1],
        stratum=joined[2],
        axis=joined[3],
        levels=levels,
    )


def _neighbours(levels: Indices, axis: int) -> tuple[Indices, Indices, Indices]:
    """The pairs of settings that differ along one axis alone, by what they share."""
    others = np.delete(levels, axis, axis=1)
    _, shared = np.unique(others, axis=0, return_inverse=True)
    shared = shared.reshape(-1)
    order = np.lexsort((levels[:, axis], shared))
    firsts, seconds = [], []
    for apart in range(1, int(np.bincount(shared).max(initial=1))):
        same = shared[order[apart:]] == shared[order[:-apart]]
        firsts.append(order[:-apart][same])
        seconds.append(order[apart:][same])
    first, second = (np.concatenate([*each, np.zeros(0, dtype=np.intp)]) for each in (firsts, seconds))
    by_stratum = np.argsort(shared[first], kind="stable")
    first, second = first[by_stratum], second[by_stratum]
    _, stratum = np.unique(shared[first], return_inverse=True)
    return first, second, stratum.reshape(-1)
