"""The sign-error of a measure in its worst environment, not only on average."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from landscape.statistics.bounded_interval import trials_interval
from landscape.statistics.cluster_bootstrap import MIN_SEEDS, Floats
from landscape.statistics.cluster_jackknife import jackknife_interval
from landscape.statistics.columns import Columns
from landscape.statistics.settings_grid import SettingsGrid

MIN_EFFECTIVE = 12.0
"""Fewer effective pairs of runs say nothing about an environment (Dziugaite et al. 2020)."""

MIN_WEIGHT = 0.5
_MOST_NUMBERS = 2_000_000


def hoeffding_weight(difference: Floats, examples: int) -> Floats:
    r"""Return the weight of pairs of runs whose errors on so many test examples differ by so much.

    $w = \max(0, 1 - 2 e^{-n \Delta^2 / 2})^2$ is at most the probability that both errors lie within $\Delta/2$ of
    their expectations, so that their order is no accident of the test set. What lies below one half counts as
    nothing, what lies above as $w - \tfrac12$.

    Args:
        difference: Of two gaps in error.
        examples: Test examples, $n$.

    Example:
        >>> hoeffding_weight(np.array([0.0, 0.01, 1.0]), 10000).round(3).tolist()
        [0.0, 0.0, 0.5]

    References:
        Dziugaite et al. (2020), In search of robust measures of generalization, section 6 and its code; Hoeffding
        (1963), Probability inequalities for sums of bounded random variables.
    """
    weight = np.maximum(0.0, 1 - 2 * np.exp(-examples * difference**2 / 2)) ** 2
    positive: Floats = np.maximum(weight - MIN_WEIGHT, 0.0)
    return positive


@dataclass(frozen=True)
class _Sums:
    """Sums over pairs of runs of each environment: all, and those that a seed takes part in, ``(environments, seeds)``.

    Attributes:
        weights: Shape ``(environments,)``.
        squares: Of the weights.
        errors: Weighted.
        weights_of_seed: Shape ``(environments, seeds)``.
        errors_of_seed: Likewise.
        seeds: How many seeds both settings of an environment have.
    """

    weights: Floats
    squares: Floats
    errors: Floats
    weights_of_seed: Floats
    errors_of_seed: Floats
    seeds: Floats


def sign_errors(
    columns: Columns, grid: SettingsGrid, x: Floats, gap: str, *, confidence: float, weighted: bool
) -> dict[str, Any]:
    r"""Return the largest and the mean sign-error of a measure over environments, with intervals.

    An environment is two settings that differ along one axis; its sign-error is the mean over all pairs of their runs,
    one of each, of $\frac12(1 - {\rm sign}(x - x')\,{\rm sign}(y - y'))$: 0 where the measure orders them as the gap
    does, 1 where the other way round, one half where one of them ties. The interval of the largest is simultaneous:
    Clopper and Pearson's of every environment, a seed a trial, at a level divided by their number (Bonferroni).
    That of the mean leaves out one seed at a time.

    Args:
        columns: The runs.
        grid: Their settings.
        x: The measure of each run, NaN where missing.
        gap: Name of the gap.
        confidence: Coverage of the intervals.
        weighted: Pairs weigh what Hoeffding's inequality leaves of them (gap in error alone: losses have no bound),
            and environments with fewer than 12 effective pairs are left out.

    References:
        Dziugaite et al. (2020), In search of robust measures of generalization, equations (3) and (4).
    """
    nothing = {"environments": 0, "worst": None, "worst_low": None, "worst_high": None, "between": None, "axis": None}
    nothing |= {"mean": None, "mean_low": None, "mean_high": None, "mean_p_value": None}
    if weighted and columns.test_examples is None:
        return nothing | {"note": "no weights: the number of test examples is not known"}
    sums = _sums(grid, grid.values(x), grid.values(columns.gaps[gap]), columns.test_examples if weighted else None)
    effective = np.divide(sums.weights**2, sums.squares, out=np.zeros_like(sums.weights), where=sums.squares > 0)
    kept = effective >= MIN_EFFECTIVE if weighted else (sums.weights > 0) & (sums.seeds >= MIN_SEEDS)
    if not kept.any():
        least = f"{MIN_EFFECTIVE:.0f} effective pairs of runs" if weighted else f"{MIN_SEEDS} seeds"
        return nothing | {"note": f"undefined: no two settings that differ in one thing have {least}"}
    errors = sums.errors[kept] / sums.weights[kept]
    worst = int(np.argmax(errors))
    seeds = sums.seeds[kept]
    # both ends grow with the errors: of environments with as many seeds only the worst matters
    trials, of = np.unique(seeds, return_inverse=True)
    most = np.zeros(len(trials))
    np.maximum.at(most, of, errors)
    low, high, _ = trials_interval(most * trials, trials, 1 - (1 - confidence) / len(errors))
    mean = _mean(sums, kept, float(errors.mean()), grid.table.shape[1], confidence)
    axis, between = _environment(columns, grid, int(np.flatnonzero(kept)[worst]))
    note = mean["note"]
    left_out = int((~kept).sum())
    if left_out:
        note = "; ".join(
            [*([note] if note else []), f"left out: {left_out} of {len(kept)} environments, too few pairs"]
        )
    return {
        "environments": len(errors),
        "worst": float(errors[worst]),
        "worst_low": float(low.max()),
        "worst_high": float(high.max()),
        "between": between,
        "axis": axis,
        "mean": mean["value"],
        "mean_low": mean["low"],
        "mean_high": mean["high"],
        "mean_p_value": mean["p_value"],
        "note": note,
    }


def _mean(sums: _Sums, kept: Any, value: float, seeds: int, confidence: float) -> dict[str, Any]:
    """The mean over environments with its interval, from leaving out one seed at a time."""
    weights = sums.weights[kept, None] - sums.weights_of_seed[kept]
    errors = sums.errors[kept, None] - sums.errors_of_seed[kept]
    # an environment that only one seed speaks of is left out with it
    left = np.divide(errors, weights, out=np.full_like(errors, np.nan), where=weights > 1e-12)
    there = np.isfinite(left)
    count = there.sum(axis=0)
    without = np.divide(np.where(there, left, 0.0).sum(axis=0), count, out=np.full(seeds, np.nan), where=count > 0)
    return jackknife_interval(value, without, seeds, confidence, (0.0, 1.0), null=0.5)


def _sums(grid: SettingsGrid, x: Floats, y: Floats, examples: int | None) -> _Sums:
    seeds = grid.table.shape[1]
    size = max(1, _MOST_NUMBERS // max(seeds**2, 1))
    parts = []
    for start in range(0, len(grid.first), size):
        first, second = grid.first[start : start + size], grid.second[start : start + size]
        dx, dy = (each[first][:, :, None] - each[second][:, None, :] for each in (x, y))
        there = np.isfinite(dx) & np.isfinite(dy)
        dy = np.where(there, dy, 0.0)
        weight = there.astype(np.float64) if examples is None else np.where(there, hoeffding_weight(dy, examples), 0.0)
        error = weight * (1 - np.sign(np.where(there, dx, 0.0)) * np.sign(dy)) / 2
        both = (np.isfinite(x[first] + y[first]) & np.isfinite(x[second] + y[second])).sum(axis=1)
        # of so few seeds einsum adds up several times as fast as sum
        parts.append(
            (
                np.einsum("eij->e", weight),
                np.einsum("eij,eij->e", weight, weight),
                np.einsum("eij->e", error),
                *(
                    np.einsum("eij->ei", each) + np.einsum("eij->ej", each) - np.einsum("eii->ei", each)
                    for each in (weight, error)
                ),
                both.astype(np.float64),
            )
        )
    if not parts:
        none, by_seed = np.zeros(0), np.zeros((0, seeds))
        return _Sums(none, none, none, by_seed, by_seed, none)
    return _Sums(*(np.concatenate(each) for each in zip(*parts, strict=True)))


def _environment(columns: Columns, grid: SettingsGrid, pair: int) -> tuple[str, str]:
    """The axis along which the two settings of an environment differ, and both in words."""
    first, second = grid.levels[grid.first[pair]], grid.levels[grid.second[pair]]
    axis = grid.axes[grid.axis[grid.stratum[pair]]]
    words = []
    for name, one, other in zip(grid.axes, first, second, strict=True):
        levels = [_level(name, columns.levels[name][each]) for each in dict.fromkeys((int(one), int(other)))]
        words.append(f"{name} {' against '.join(levels)}" if name != "optimizer" else " against ".join(levels))
    return axis, ", ".join(words)


def _level(name: str, value: object) -> str:
    return f"no. {value + 1}" if name == "lr" and isinstance(value, int) else str(value)
