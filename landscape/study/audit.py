"""What each measure cannot see: measured before and after transformations that leave the function as it is."""

import dataclasses
import inspect
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from landscape.errors import ProblemError, UsageError
from landscape.measures import Measurement, measure_minimum
from landscape.measures.measure import registered
from landscape.minimum import Minimum
from landscape.problem import Problem
from landscape.registry import measures as registry
from landscape.study.one_minimum import OneMinimum
from landscape.study.slice_rise import SLICE, slice_rise
from landscape.symmetries import Neurons, NotUnderstoodError, find_neurons
from landscape.symmetries.apply import at_parameters
from landscape.symmetries.transformations import TRANSFORMATIONS, Transformation

FORMAT = 1
AUDITED = (
    "top_eigenvalue",
    "trace",
    "average_sharpness",
    "worst_case_sharpness",
    "adaptive_average_sharpness",
    "adaptive_worst_case_sharpness",
    "adaptive_top_eigenvalue",
    "adaptive_trace",
    "fisher_rao",
    "orbit_minimum_trace",
    "orbit_excess",
    "relative_flatness",
    SLICE,
    "weight_norm",
    "path_norm",
    "spectral_norm_product",
    "margin",
    "train_loss",
)
"""What is audited where nothing else is asked for."""

FINE = 1e-2
EXACTLY = 1e-9
UNCHANGED = 1e-3
"""Relative difference of outputs from which a transformation is said not to have left the function as it was."""

OnProgress = Callable[[int, int, str], None]


@dataclass(frozen=True)
class AuditSettings:
    """What is asked of an audit.

    Attributes:
        measures: Names; `AUDITED` when empty.
        seed: Of transformations and of everything random in the measures.
        rtol: Tolerance of every measure that has one; each its own when None.
        options: Options of measures by name.

    Raises:
        UsageError: If a measure does not exist.
    """

    measures: tuple[str, ...] = ()
    seed: int = 0
    rtol: float | None = None
    options: dict[str, dict[str, Any]] = dataclasses.field(default_factory=dict)

    def __post_init__(self) -> None:
        """Refuse what there is not, before anything is trained."""
        for name in self.names:
            if name != SLICE:
                registered(name)

    @property
    def names(self) -> tuple[str, ...]:
        """The measures that are taken, in order."""
        if self.measures == ("all",):
            return (*registry.names(), SLICE)
        return self.measures or tuple(name for name in AUDITED if name == SLICE or name in registry.names())


def audit(
    subjects: Sequence[OneMinimum], settings: AuditSettings, on_progress: OnProgress | None = None
) -> dict[str, Any]:
    """Return how far each transformation moved each measure of each network, as plain JSON types.

    Args:
        subjects: The minima.
        settings: What is asked.
        on_progress: Told (done, of how many, what).

    Raises:
        ProblemError: If a network is not understood.
    """
    start = time.perf_counter()
    steps = _Steps(on_progress, len(subjects) * (1 + len(TRANSFORMATIONS)))
    networks = [_network(one, settings, steps) for one in subjects]
    return {
        "format": FORMAT,
        "networks": networks,
        "asked": {"measures": list(settings.names), "seed": settings.seed, "rtol": settings.rtol},
        "converged": all(row["converged"] for each in networks for row in each["rows"]),
        "seconds": time.perf_counter() - start,
    }


class _Steps:
    """Counts what is finished, for a display."""

    def __init__(self, tell: OnProgress | None, most: int) -> None:
        self._tell, self._most, self._done = tell, most, 0

    def finished(self, what: str) -> None:
        self._done += 1
        if self._tell is not None:
            self._tell(self._done, self._most, what)


def _network(one: OneMinimum, settings: AuditSettings, steps: _Steps) -> dict[str, Any]:
    minimum = one.minimum
    try:
        neurons = find_neurons(minimum.problem, minimum.theta)
    except NotUnderstoodError as error:
        raise ProblemError(f"{one.name} cannot be audited: {error}") from error
    before = _measured(minimum, settings)
    steps.finished(f"{one.name}: as it is")
    columns, moved = [], {}
    for transformation in TRANSFORMATIONS:
        column, after = _transformed(minimum, neurons, transformation, settings.seed)
        columns.append(column)
        moved[transformation.key] = None if after is None else _measured(after, settings)
        steps.finished(f"{one.name}: {transformation.label}")
    scores = minimum.problem.evaluate(minimum.theta)
    return {
        "name": one.name,
        "origin": one.origin,
        "loss": scores.loss,
        "accuracy": scores.accuracy,
        "parameters": minimum.problem.num_parameters,
        "examples": minimum.problem.num_examples,
        "dtype": str(minimum.problem.dtype).removeprefix("torch."),
        "neurons": neurons.free,
        "settings": one.settings,
        "transformations": columns,
        "rows": [_row(name, before[name], columns, moved) for name in settings.names],
    }


def _measured(minimum: Minimum, settings: AuditSettings) -> dict[str, Measurement]:
    found = {}
    for name in settings.names:
        if name == SLICE:
            found[name] = slice_rise(minimum, seed=settings.seed)
            continue
        options = {**_tolerance(name, settings.rtol), **settings.options.get(name, {})}
        found[name] = _one(minimum, name, settings.seed, options)
    return found


def _one(minimum: Minimum, name: str, seed: int, options: dict[str, Any]) -> Measurement:
    try:
        return measure_minimum(minimum, [name], seed=seed, options={name: options})[name]
    except (ProblemError, UsageError) as error:
        # one measure that a network does not suit is no reason to give up the others
        return Measurement(value=None, reason=str(error))


def _tolerance(name: str, rtol: float | None) -> dict[str, float]:
    known = inspect.signature(registered(name).compute).parameters
    return {} if rtol is None or "rtol" not in known else {"rtol": rtol}


def _transformed(
    minimum: Minimum, neurons: Neurons, transformation: Transformation, seed: int
) -> tuple[dict[str, Any], Minimum | None]:
    """Return what was done and checked, and the minimum afterwards; None where it cannot be done."""
    about = {"key": transformation.key, "kind": transformation.kind, "label": transformation.label, "reason": ""}
    made = transformation.apply(minimum.problem, minimum.theta, neurons, seed)
    if isinstance(made, str):
        return {**about, "applies": False, "reason": made, "output_difference": None, "decisions_kept": None}, None
    problem, theta = at_parameters(*made), made[1]
    difference, kept = _differences(minimum, problem, theta, transformation.scale)
    checked = {**about, "applies": True, "output_difference": difference, "decisions_kept": kept}
    if difference > UNCHANGED:
        reason = f"the outputs moved by {difference:.1g} of the largest: this is another function"
        return {**checked, "applies": False, "reason": reason}, None
    # what the optimizer keeps belongs to the coordinates that it was gathered in
    after = Minimum(problem, theta, None, minimum.provenance, minimum.memory, initial=minimum.initial)
    return checked, after


def _differences(minimum: Minimum, problem: Problem, theta: Tensor, scale: float) -> tuple[float, bool]:
    """Return the largest difference of outputs over the largest output, and whether all decisions are the same."""
    before, after = _outputs(minimum.problem, minimum.theta) * scale, _outputs(problem, theta)
    largest = float(before.abs().max()) or 1.0
    same = bool((before.argmax(-1) == after.argmax(-1)).all())
    return float((after - before).abs().max()) / largest, same


def _outputs(problem: Problem, theta: Tensor) -> Tensor:
    parameters = problem.unflatten(theta)
    with torch.no_grad():
        return torch.cat([problem.batch_outputs(parameters, batch).double() for batch, _ in problem.batches()])


def _row(
    name: str,
    before: Measurement,
    columns: Sequence[dict[str, Any]],
    moved: dict[str, dict[str, Measurement] | None],
) -> dict[str, Any]:
    measure = None if name == SLICE else registered(name)
    claims = {"layer_rescaling"} if measure is None else measure.invariances
    cells = []
    for column in columns:
        after = moved[column["key"]]
        cell = compared(before, None if after is None else after[name], column["reason"])
        claimed = column["kind"] in claims
        cells.append({"transformation": column["key"], "claimed": claimed, **cell})
    done = [each[name] for each in moved.values() if each is not None]
    return {
        "measure": name,
        "label": "filter-normalised slice" if measure is None else measure.label,
        "symbol": "" if measure is None else measure.symbol,
        "value": before.value,
        "error": before.error,
        "error_kind": before.error_kind,
        "reason": before.reason,
        "converged": all(each.converged or each.value is None for each in (before, *done)),
        "cells": cells,
    }


def compared(before: Measurement, after: Measurement | None, reason: str = "") -> dict[str, Any]:
    """Return how far a measure moved: the factor with its error, and the verdict.

    ``"invariant"``: it moved by less than both errors together, and these are at most 1 % of it (or it stayed to nine
    digits). ``"moved"``: by more than both errors, or where they are standard errors than three of their difference.
    ``"unresolved"``: in between. None: not measured.

    Args:
        before: The measurement as the network was.
        after: That of the transformed network; None where there is none.
        reason: Why there is none.
    """
    empty = {"value": None, "error": None, "factor": None, "factor_error": None, "verdict": None}
    if after is None or before.value is None or after.value is None:
        return {**empty, "reason": reason or before.reason or (after.reason if after else "")}
    distance, error = abs(after.value - before.value), (before.error or 0.0) + (after.error or 0.0)
    size = abs(before.value)
    found = {**empty, "value": after.value, "error": after.error, "reason": ""}
    if size > 0 and math.isfinite(after.value / before.value):
        factor = after.value / before.value
        relative = (before.error or 0.0) / size + (after.error or 0.0) / (abs(after.value) or size)
        found |= {"factor": factor, "factor_error": abs(factor) * relative}
    random = "standard error" in (before.error_kind, after.error_kind)
    reach = 3 * math.hypot(before.error or 0.0, after.error or 0.0) if random else error
    fine = distance <= error and (error <= FINE * size or distance <= EXACTLY * size)
    verdict = "moved" if distance > reach else "invariant" if fine else "unresolved"
    return {**found, "verdict": verdict}
