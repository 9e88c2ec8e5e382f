"""A surface from what was asked for to arrays and the plain JSON types that are printed and drawn."""

import dataclasses
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch

from landscape.errors import ProblemError
from landscape.study.surface_directions import Laid, lay_out
from landscape.study.surface_paths import check_paths, paths
from landscape.study.surface_points import SurfacePoints
from landscape.study.surface_profiles import profiles
from landscape.study.surface_quantities import quantities
from landscape.study.surface_request import PARTS
from landscape.study.surface_settings import SurfaceSettings
from landscape.study.surface_widths import width_distributions
from landscape.study.watched import OnProgress
from landscape.surfaces.adaptive import Filled, fill_adaptively
from landscape.surfaces.checks import axis_curvatures, lowest
from landscape.surfaces.grid_values import GridValues
from landscape.surfaces.live_model import has_batch_norm
from landscape.surfaces.point_evaluation import STATISTICS, PointEvaluator

FORMAT = 1
_FEW = 25  # points that are all computed whatever is asked
_MANY = 1000  # passes of a batch that are worth compiling for on a GPU
AXES = ("a", "b", "c")
Arrays = dict[str, np.ndarray]


@dataclass(frozen=True)
class Keep:
    """Where columns are kept while they grow.

    Attributes:
        read: Returns those of one of `PARTS` that an earlier process left; None where there are none.
        write: Takes those of a part.
    """

    read: Callable[[str], Arrays | None]
    write: Callable[[str, Arrays], None]


NOTHING_KEPT = Keep(lambda part: None, lambda part, columns: None)


def surface(
    points: SurfacePoints,
    settings: SurfaceSettings,
    *,
    keep: Keep = NOTHING_KEPT,
    compiled: bool | None = None,
    on_progress: OnProgress | None = None,
) -> tuple[dict[str, Any], Arrays]:
    """Return what is said of a surface, and its arrays.

    Args:
        points: What it goes through.
        settings: What is asked.
        keep: What an earlier process of the same request left, and what takes columns now and then.
        compiled: Whether passes go through ``torch.compile``, on a GPU as captured graphs: speed, no number beyond
            rounding. None compiles on a GPU where the passes are many and the network allows it.
        on_progress: Told what is being done.

    Returns:
        Plain JSON types, and the arrays: coordinates ``a``, ``b``, ``c``, a grid for each column, and ``status`` (0
        interpolated, 1 computed, 2 ended early: a lower bound).

    Raises:
        UsageError: If what is asked cannot be had of these points.
        ProblemError: If memory does not suffice.
    """
    tell = on_progress or (lambda what, done, most: None)
    start = time.perf_counter()
    check_paths(points, settings)
    try:
        tell("directions", 0, None)
        laid = lay_out(points, settings)
        statistics = settings.statistics or _default_statistics(points, laid)
        evaluator, note = _evaluator(points, laid, settings, statistics, compiled)
        values, filled = _filled(points, laid, settings, evaluator, keep, tell)
        tell("curvature along the axes", 0, None)
        curvatures = axis_curvatures(points.problem, laid.grid, statistics)
        more = {
            "paths": paths(points, settings, tell) if settings.paths else [],
            "profiles": profiles(points, settings, statistics, tell),
            "widths": width_distributions(points, settings, tell) if settings.width else [],
            "quantities": _quantities(points, laid, settings, keep, tell),
        }
    except torch.OutOfMemoryError as error:
        raise ProblemError("The device ran out of memory. Give a smaller --max-batch or fewer --examples.") from error
    result = _about(points, settings, laid, statistics)
    result["notes"] += note
    result |= more
    result["filled"] = dataclasses.asdict(filled)
    result["curvature"] = [{**dataclasses.asdict(each), "disagreement": each.disagreement} for each in curvatures]
    result["lowest"] = dataclasses.asdict(lowest(laid.grid, values.columns["train_loss"], values.computed))
    result["marks"] = _marks(points, laid, statistics)
    result["paired_error"] = _median(values.columns.get("train_loss_error"))
    result["seconds"] = time.perf_counter() - start
    return result, _arrays(laid, values)


def _quantities(
    points: SurfacePoints, laid: Laid, settings: SurfaceSettings, keep: Keep, tell: OnProgress
) -> dict[str, Any] | None:
    if not settings.quantities:
        return None
    part = PARTS[1]
    return quantities(points, laid, settings, tell, keep.read(part), lambda columns: keep.write(part, columns))


def _evaluator(
    points: SurfacePoints, laid: Laid, settings: SurfaceSettings, statistics: str, compiled: bool | None
) -> tuple[PointEvaluator, list[str]]:
    """Return what evaluates the grid, and what is to be said of its compiler."""
    center = points.problem.loss(laid.grid.origin)
    ceiling = None if settings.ceiling is None else settings.ceiling * max(center, 0.0)
    make = partial(PointEvaluator, points.problems, statistics=statistics, per_example=points.subset, ceiling=ceiling)
    if compiled is not None:
        return make(compiled=compiled), ["Evaluated through torch.compile."] if compiled else []
    batches = sum(1 for each in points.problems.values() for _ in each.batches())
    if points.problem.device.type != "cuda" or laid.grid.size * batches < _MANY:
        return make(), []
    try:
        return make(compiled=True), ["Evaluated through torch.compile."]
    except ProblemError as error:
        return make(), [f"Evaluated without torch.compile: {error}"]


def _filled(
    points: SurfacePoints,
    laid: Laid,
    settings: SurfaceSettings,
    evaluator: PointEvaluator,
    keep: Keep,
    tell: OnProgress,
) -> tuple[GridValues, Filled]:
    values = GridValues(
        laid.grid,
        evaluator,
        populations=points.populations,
        done=keep.read(""),
        save=lambda columns: keep.write("", columns),
        on_progress=lambda count, most: tell("points", count, most),
    )
    if settings.tolerance is None or laid.grid.size <= _FEW:
        values.need_all()
        return values, Filled(laid.grid.size, laid.grid.size, 0.0, reason="everything was computed, as asked")
    return values, fill_adaptively(values, settings.tolerance, settings.seed, evaluator.ceiling)


def _default_statistics(points: SurfacePoints, laid: Laid) -> str:
    """Return how BatchNorm is evaluated: between minima and along a training its statistics belong to one point."""
    return "reestimated" if has_batch_norm(points.problem) and len(laid.marks) > 1 else "evaluation"


def _about(points: SurfacePoints, settings: SurfaceSettings, laid: Laid, statistics: str) -> dict[str, Any]:
    problem, grid = points.problem, laid.grid
    _, note = settings.grid_points
    axes = [
        {
            "key": key,
            "name": each.name,
            "how": each.how,
            "norm": each.norm,
            "eigenvalue": each.eigenvalue,
            "low": float(axis[0]),
            "high": float(axis[-1]),
            "points": len(axis),
        }
        for key, each, axis in zip(AXES, grid.directions, grid.axes, strict=False)
    ]
    return {
        "format": FORMAT,
        "name": " and ".join(points.names),
        "names": list(points.names),
        "origin": "; ".join(one.origin for one in points.ones),
        "axes": axes,
        "dimensions": len(axes),
        "parameters": problem.num_parameters,
        "examples": {name: each.num_examples for name, each in points.problems.items()},
        "populations": dict(points.populations),
        "batch_norm": STATISTICS[statistics] if has_batch_norm(problem) else None,
        "dtype": str(problem.dtype).removeprefix("torch."),
        "device": str(problem.device),
        "seed": settings.seed,
        "trajectory": laid.path,
        "about": laid.about,
        "notes": [note] if note else [],
        "settings": points.ones[0].settings,
        "minima": [one.settings for one in points.ones],
        "asked": dataclasses.asdict(settings),
    }


def _marks(points: SurfacePoints, laid: Laid, statistics: str) -> list[dict[str, Any]]:
    """Return loss and accuracy of the points to be marked, evaluated there and not on the grid."""
    evaluator = PointEvaluator(points.problems, statistics=statistics)
    rows = []
    for name, place, theta in laid.marks:
        found = evaluator.at(theta)
        values = {f"{part}_loss": each.loss for part, each in found.items()}
        values |= {f"{part}_accuracy": each.accuracy for part, each in found.items() if each.accuracy is not None}
        on_grid = all(bool((axis == c).any()) for axis, c in zip(laid.grid.axes, place, strict=True))
        rows.append({"name": name, "coordinates": place, "on_grid": on_grid, **values})
    return rows


def _median(errors: np.ndarray | None) -> float | None:
    """Return the median of the paired standard errors that are finite."""
    if errors is None:
        return None
    kept = errors[np.isfinite(errors)]
    return float(np.median(kept)) if kept.size else math.nan


def _arrays(laid: Laid, values: GridValues) -> Arrays:
    arrays: Arrays = dict(zip(AXES, laid.grid.axes, strict=False))
    for name, column in values.state().items():
        arrays[name] = column.reshape(laid.grid.shape)
    if laid.path:
        arrays["trajectory"] = np.array(laid.path)
    return arrays
