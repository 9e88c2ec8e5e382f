"""The runs of a study at one stop as columns of numbers, read once for all statistics."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from landscape.statistics.cluster_bootstrap import Floats, cluster_numbers
from landscape.statistics.generalization_gap import finite
from landscape.statistics.matched_loss import TOLERANCE, comparable
from landscape.statistics.reading import Run, minimum, missing_at, read_measure

GAPS = ("gap_loss", "gap_error")
GROUNDS = ("dataset", "model")
"""What sharpness is measured on: its size on two of a kind means nothing beside each other."""

MISMATCH = f"training loss more than {100 * TOLERANCE:.0f} % from the target"
LEARNING_RATE = "learning_rate"
"""The learning rate alone: the baseline that a sharpness has to beat, as a measure of its own."""

_NOT_FACTORS = {"lr", "lr_rank", "optimizer", "seed"}


@dataclass(frozen=True)
class Columns:
    """One row for each run, in the order of `in_order`; NaN where a number is missing or cannot take part.

    Attributes:
        runs: The runs themselves.
        optimizer: Index of the optimizer in ``optimizers``, shape ``(n,)``.
        optimizers: Names.
        seed: Index of the seed among the seeds, shape ``(n,)``.
        seeds: How many seeds there are.
        axes: What differs between runs but the seed, by name: the index of each run's value among ``levels``.
        levels: The values of each axis, ascending where they can be ordered.
        measures: Values by measure; ``learning_rate`` is the rank among the optimizer's own, where there are several.
        problems: By measure, what is the matter with each run; empty where nothing is.
        gaps: Generalization gaps by name.
        train_loss: Shape ``(n,)``.
        test_examples: On how many examples the test scores rest; None where that is not known.
    """

    runs: Sequence[Run]
    optimizer: NDArray[np.intp]
    optimizers: tuple[str, ...]
    seed: NDArray[np.intp]
    seeds: int
    axes: Mapping[str, NDArray[np.intp]]
    levels: Mapping[str, tuple[object, ...]]
    measures: Mapping[str, Floats]
    problems: Mapping[str, tuple[str, ...]]
    gaps: Mapping[str, Floats]
    train_loss: Floats
    test_examples: int | None

    @property
    def size(self) -> int:
        """Number of runs."""
        return len(self.optimizer)

    def groups(self) -> dict[str, NDArray[np.bool_]]:
        """Return which runs belong to ``"all"`` and to each optimizer."""
        own = {name: self.optimizer == index for index, name in enumerate(self.optimizers)}
        return {"all": np.ones(self.size, dtype=bool)} | own


def columns_of(runs: Sequence[Run], stop: str, measures: Sequence[str], optimizers: Sequence[str]) -> Columns:
    """Return the columns of the runs of some optimizers at a stop.

    At the matched stop, a run whose training loss is not the target's has no value of any measure.

    Args:
        runs: The ``runs`` of ``report.json``.
        stop: Where the minima are taken.
        measures: Names of measures.
        optimizers: Names, in the order wanted.
    """
    kept = in_order(runs, optimizers)
    at_stop = [minimum(run, stop) or {} for run in kept]
    fits = [comparable(run, stop) for run in kept]
    # run by run, not measure by measure: what lies together is read together
    read = [[read_measure(run, stop, measure) for measure in measures] for run in kept]
    values: dict[str, Floats] = {}
    problems: dict[str, tuple[str, ...]] = {}
    for measure, column in zip(measures, zip(*read, strict=True) if read else [()] * len(measures), strict=True):
        problems[measure] = tuple(
            each.problem or ("" if fit else MISMATCH) for each, fit in zip(column, fits, strict=True)
        )
        values[measure] = _numbers([each.value if fit else None for each, fit in zip(column, fits, strict=True)])
    axes, levels = _axes(kept, optimizers)
    if "lr" in axes:
        values[LEARNING_RATE] = np.where(fits, axes["lr"].astype(np.float64), np.nan)
        absent = missing_at(stop)
        problems[LEARNING_RATE] = tuple(
            "" if fit else MISMATCH if there else absent for fit, there in zip(fits, at_stop, strict=True)
        )
    counts = {each["test_examples"] for each in at_stop if each.get("test_examples")}
    return Columns(
        kept,
        np.array([list(optimizers).index(run["optimizer"]) for run in kept], dtype=np.intp),
        tuple(optimizers),
        cluster_numbers([run.get("seed") for run in kept]),
        len({run.get("seed") for run in kept}),
        axes,
        levels,
        values,
        problems,
        {gap: _numbers([each.get(gap) for each in at_stop]) for gap in GAPS},
        _numbers([each.get("train_loss") for each in at_stop]),
        min(counts) if counts else None,
    )


def in_order(runs: Sequence[Run], optimizers: Sequence[str]) -> list[Run]:
    """Return the runs of some optimizers in one fixed order, whatever theirs."""
    return sorted((run for run in runs if run["optimizer"] in optimizers), key=_place)


def _place(run: Run) -> str:
    factors = sorted((run.get("factors") or {}).items())
    return repr((run["optimizer"], run.get("lr_rank"), factors, run.get("seed"), run.get("id")))


def _numbers(values: Sequence[object]) -> Floats:
    return np.array([np.nan if (each := finite(value)) is None else each for value in values], dtype=np.float64)


def _axes(
    runs: Sequence[Run], optimizers: Sequence[str]
) -> tuple[dict[str, NDArray[np.intp]], dict[str, tuple[object, ...]]]:
    """What differs between runs: the optimizer, its learning rate by rank, and the factors that have several values."""
    # options of one optimizer (sgd.momentum) are an axis by their rank, as learning rates are
    names = sorted(key for key in {each for run in runs for each in run.get("factors") or {}} if "." not in key)
    names = [name for name in names if name not in _NOT_FACTORS]
    found = {
        "optimizer": [run["optimizer"] for run in runs],
        "lr": [run.get("lr_rank") for run in runs],
        **{name: [(run.get("factors") or {}).get(name) for run in runs] for name in names},
    }
    axes, levels = {}, {}
    for name, values in found.items():
        distinct = sorted(set(values), key=by_size) if name != "optimizer" else [n for n in optimizers if n in values]
        if len(distinct) > 1:
            index = {value: position for position, value in enumerate(distinct)}
            axes[name] = np.array([index[value] for value in values], dtype=np.intp)
            levels[name] = tuple(distinct)
    return axes, levels


def by_size(value: object) -> tuple[int, float, str]:
    """Return what levels of a factor are sorted by: nothing first, numbers by size, then words."""
    if value is None:
        return 0, 0.0, ""
    return (1, float(value), "") if isinstance(value, int | float) else (2, 0.0, str(value))
