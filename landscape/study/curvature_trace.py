"""The trace of one minimum's curvature, as the plain JSON types that are printed."""

import dataclasses
import inspect
import math
from collections.abc import Callable
from typing import Any, Protocol, TypeGuard

from landscape.operators import Hessian, SymmetricOperator
from landscape.solvers import Estimate, hessian_trace, hutchinson, hutchpp, xtrace
from landscape.solvers.hessian_trace import COARSE, rows_of_hessian_trace, rows_of_trace
from landscape.solvers.memory_plan import Rows
from landscape.study.curvature_memory import PlannedMemory
from landscape.study.watched import OnProgress, Watched

PROBES: dict[str, Callable[..., Estimate]] = {"hutchinson": hutchinson, "hutchpp": hutchpp, "xtrace": xtrace}


class TraceSettings(Protocol):
    """What is asked of a trace; see `CurvatureSettings`."""

    @property
    def trace_method(self) -> str:
        """Its way."""

    @property
    def trace_rtol(self) -> float:
        """Standard error wanted, over the magnitude."""

    @property
    def max_matvecs(self) -> int | None:
        """Most products."""

    @property
    def seed(self) -> int:
        """Of all random vectors."""


def rows_of_asked(operator: SymmetricOperator, settings: TraceSettings) -> tuple[Rows | None, bool]:
    """Return the vectors that the trace wants to keep, None where it keeps none; and whether it can do without."""
    name = settings.trace_method
    if _by_network(operator, name):
        most = settings.max_matvecs or inspect.signature(hessian_trace).parameters["max_matvecs"].default
        return rows_of_hessian_trace(operator, name, settings.trace_rtol, most), True
    most = settings.max_matvecs or inspect.signature(PROBES[_way(settings)]).parameters["max_matvecs"].default
    return rows_of_trace(_way(settings), operator.shape[0], most), False


def _by_network(operator: SymmetricOperator, name: str) -> TypeGuard[Hessian]:
    """Return whether the way is `hessian_trace`'s to choose, which plans its own memory."""
    return isinstance(operator, Hessian) and name not in PROBES


def _way(settings: TraceSettings) -> str:
    if settings.trace_method != "auto":
        return settings.trace_method
    return "hutchinson" if settings.trace_rtol >= COARSE else "xtrace"


def measured_trace(
    operator: SymmetricOperator, plan: PlannedMemory, settings: TraceSettings, tell: OnProgress
) -> dict[str, Any]:
    """Return the trace that is asked for, with its error.

    Raises:
        FloatingPointError: If it is not finite.
    """
    found = _estimated(operator, plan, settings, tell)
    if not math.isfinite(found.value):
        raise FloatingPointError(f"the trace is {found.value}")
    return {
        "value": found.value,
        "error": found.error if math.isfinite(found.error) else None,
        "error_kind": "rounding" if found.method == "exact" else "standard error",
        "method": found.method,
        "rtol": settings.trace_rtol,
        "matvecs": found.matvecs,
        "passes": found.passes,
        "converged": found.converged,
        "reason": found.reason,
    }


def _estimated(operator: SymmetricOperator, plan: PlannedMemory, settings: TraceSettings, tell: OnProgress) -> Estimate:
    """Return the trace by the best way for a Hessian, or by random probes, which serve every operator."""
    name = settings.trace_method
    most = {} if settings.max_matvecs is None else {"max_matvecs": settings.max_matvecs}
    if _by_network(operator, name):
        tell("trace", 0, None)
        found = hessian_trace(operator, method=name, rtol=settings.trace_rtol, seed=settings.seed, **most)
        tell("trace", found.matvecs, None)
        return found
    name = _way(settings)
    if most:
        most["min_matvecs"] = min(
            inspect.signature(PROBES[name]).parameters["min_matvecs"].default, most["max_matvecs"]
        )
    watched = Watched(operator, tell, f"trace ({name})")
    found = PROBES[name](watched, rtol=settings.trace_rtol, seed=settings.seed, **plan.for_trace(), **most)
    return dataclasses.replace(found, method=name)
