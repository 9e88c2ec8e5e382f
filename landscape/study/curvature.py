"""Eigenvalues, trace and spectral density of one minimum, as the plain JSON types that are printed and drawn."""

import dataclasses
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch

from landscape.errors import ProblemError, UsageError, suggest
from landscape.operators import SymmetricOperator
from landscape.solvers import Eigenpairs, eigen_solver
from landscape.solvers.eigen_request import EigenRequest
from landscape.solvers.hessian_trace import METHODS
from landscape.study.curvature_density import larger_in_density, measured_density
from landscape.study.curvature_memory import PlannedMemory, check_basis, planned_memory
from landscape.study.curvature_trace import PROBES, measured_trace, rows_of_asked
from landscape.study.one_minimum import OneMinimum
from landscape.study.operator_by_name import Wanted, check_operator, make_operator
from landscape.study.watched import OnProgress, Watched

FORMAT = 1


@dataclass(frozen=True)
class CurvatureSettings:
    """What is asked of one minimum.

    Attributes:
        operator: One of `OPERATORS`.
        method: One of `EIGEN_SOLVERS`.
        top_k: How many of the largest eigenvalues.
        bottom_k: How many of the smallest.
        rtol: Residual wanted, over the magnitude of the eigenvalue.
        max_matvecs: Most products for the eigenvalues, and for the trace; each solver's own when None.
        trace: Whether to estimate the trace.
        trace_method: ``"auto"`` or another of `METHODS`.
        trace_rtol: Standard error wanted, over the magnitude of the trace.
        density: Whether to estimate the spectral density.
        density_probes: Its random vectors.
        density_steps: Products a probe.
        memory: Bytes of held graphs, vectors at work and the basis; half of what is free when None.
        basis: Where it is kept, ``"device"`` or ``"host"``; on the host if the device does not hold it when None.
        basis_dtype: Its precision, such as ``"bfloat16"``; that of the products when None.
        product: Kind of Hessian product.
        seed: Of all random vectors.

    Raises:
        UsageError: If a name is unknown, or nothing is asked for.
    """

    operator: str = "hessian"
    method: str = "lanczos"
    top_k: int = 5
    bottom_k: int = 1
    rtol: float = 1e-3
    max_matvecs: int | None = None
    trace: bool = True
    trace_method: str = "auto"
    trace_rtol: float = 0.02
    density: bool = False
    density_probes: int = 8
    density_steps: int = 80
    memory: int | None = None
    basis: str | None = None
    basis_dtype: str | None = None
    product: str = "auto"
    seed: int = 0

    def __post_init__(self) -> None:
        """Refuse what there is not, before anything is loaded."""
        check_operator(self.operator, self.product)
        eigen_solver(self.method)
        check_basis(self.basis, self.basis_dtype, self.method if self.top_k or self.bottom_k else None, self.density)
        if not (self.top_k or self.bottom_k or self.trace or self.density):
            raise UsageError("Nothing is asked for. Give --top-k, --bottom-k, --trace or --density.")
        if self.trace_method not in METHODS:
            name, known = self.trace_method, ", ".join(METHODS)
            raise UsageError(f"There is no trace method {name!r}.{suggest(name, METHODS)} Known: {known}.")
        if self.trace and self.operator != "hessian" and self.trace_method not in ("auto", *PROBES):
            name = self.trace_method
            raise UsageError(f"The trace method {name!r} is one of the Hessian's. Use auto, {', '.join(PROBES)}.")


def curvature(
    one: OneMinimum,
    settings: CurvatureSettings,
    on_progress: OnProgress | None = None,
    on_plan: Callable[[PlannedMemory], None] | None = None,
) -> dict[str, Any]:
    """Return what was asked of a minimum, every number with its error and its cost.

    Args:
        one: The minimum.
        settings: What is asked.
        on_progress: Told what is being done.
        on_plan: Told what the memory is for, before the first product.

    Raises:
        UsageError: If a name or number cannot be used.
        ProblemError: If a product is not finite, or memory does not suffice.
    """
    tell = on_progress or (lambda what, done, most: None)
    start = time.perf_counter()
    request = _request(one, settings)
    wanted = Wanted(settings.memory, settings.product, settings.seed)
    operator, inner = make_operator(settings.operator, one.minimum, wanted)
    result = _about(one, settings)
    stored = {name: getattr(settings, name) for name in ("memory", "basis", "basis_dtype")}
    try:
        steps = settings.density_steps if settings.density else None
        trace, optional = rows_of_asked(operator, settings) if settings.trace else (None, True)
        plan = planned_memory(inner, request, settings.method, steps, trace, sketch_is_optional=optional, **stored)
        result["memory_plan"] = plan.to_dict()
        if on_plan is not None:
            on_plan(plan)
        if settings.trace and settings.trace_method not in ("auto", *PROBES):
            # first, since the network may not allow it
            result |= _timed(lambda: {"trace": measured_trace(operator, plan, settings, tell)}, "trace")
        if request is not None:
            result |= _timed(lambda: _eigenvalues(operator, plan, settings, tell), "eigenvalue_solver")
        if settings.trace and not result["trace"]:
            result |= _timed(lambda: {"trace": measured_trace(operator, plan, settings, tell)}, "trace")
        if settings.density:
            result |= _timed(lambda: {"density": measured_density(operator, plan, one, settings, tell)}, "density")
    except FloatingPointError as error:
        raise ProblemError(
            f"There is no curvature to measure: {error}. Look at the weights and the data, or try --dtype float64."
        ) from error
    except torch.OutOfMemoryError as error:
        raise ProblemError(
            "The device ran out of memory. Give a smaller --max-batch, a smaller --memory, or fewer --examples."
        ) from error
    missed = larger_in_density(result["eigenvalues"], result["density"]) if settings.top_k else None
    if missed is not None:
        reason = f"the density found a larger eigenvalue, {missed:.5g}, which the solver has missed"
        result["eigenvalue_solver"] |= {"converged": False, "reason": reason}
    parts = [result[key] for key in ("eigenvalue_solver", "trace", "density") if result.get(key)]
    result["matvecs"] = sum(each["matvecs"] for each in parts)
    result["converged"] = all(each["converged"] for each in parts)
    result["products"] = inner.describe() if hasattr(inner, "describe") else _held(inner)
    result["seconds"] = time.perf_counter() - start
    return result


def _about(one: OneMinimum, settings: CurvatureSettings) -> dict[str, Any]:
    minimum = one.minimum
    problem = minimum.problem
    return {
        "format": FORMAT,
        "name": one.name,
        "origin": one.origin,
        "operator": settings.operator,
        "preconditioner": minimum.second_moment and minimum.second_moment.source,
        "method": settings.method,
        "parameters": problem.num_parameters,
        "examples": problem.num_examples,
        "num_classes": one.num_classes,
        "dtype": str(problem.dtype).removeprefix("torch."),
        "device": str(problem.device),
        "seed": settings.seed,
        "loss": problem.loss(minimum.theta),
        "gradient_norm": float(minimum.gradient.double().norm()),
        "eigenvalues": [],
        "ratio": None,
        "trace": None,
        "density": None,
        "settings": one.settings,
        "asked": dataclasses.asdict(settings),
    }


def _request(one: OneMinimum, settings: CurvatureSettings) -> EigenRequest | None:
    n, k, bottom = one.minimum.problem.num_parameters, settings.top_k, settings.bottom_k
    return EigenRequest(n, k, bottom, settings.rtol, 2) if k or bottom else None


def _timed(compute: Callable[[], dict[str, Any]], part: str) -> dict[str, Any]:
    """Return what was computed, with the seconds that it took in one part of it."""
    start = time.perf_counter()
    found = compute()
    found[part]["seconds"] = time.perf_counter() - start
    return found


def _eigenvalues(
    operator: SymmetricOperator, plan: PlannedMemory, settings: CurvatureSettings, tell: OnProgress
) -> dict[str, Any]:
    options = plan.for_eigenvalues() | ({} if settings.max_matvecs is None else {"max_matvecs": settings.max_matvecs})
    watched = Watched(operator, tell, f"eigenvalues ({settings.method})")
    pairs = eigen_solver(settings.method)(
        watched, settings.top_k, bottom=settings.bottom_k, rtol=settings.rtol, seed=settings.seed, **options
    )
    top = min(settings.top_k, len(pairs.values))
    return {
        "eigenvalues": _rows(pairs, top, settings.rtol),
        "ratio": _ratio(pairs) if settings.top_k and settings.bottom_k and len(pairs.values) > top else None,
        "eigenvalue_solver": {
            "method": settings.method,
            "rtol": settings.rtol,
            "matvecs": pairs.matvecs,
            "converged": pairs.converged,
            "reason": pairs.reason,
        },
    }


def _rows(pairs: Eigenpairs, top: int, rtol: float) -> list[dict[str, Any]]:
    """Return a row an eigenvalue: ``top`` of them counted from the largest, the others from the smallest."""
    size = len(pairs.values)
    rows = []
    for index, (value, residual, bound) in enumerate(zip(pairs.values, pairs.residuals, pairs.bounds, strict=True)):
        row = {
            "end": "top" if index < top else "bottom",
            "rank": index + 1 if index < top else size - index,
            "value": float(value),
            "residual": float(residual),
            "bound": float(bound),
            "bound_kind": pairs.bound_kind[index],
            # where all are within what rounding allows, the solver has converged all the same
            "converged": pairs.converged or bool(residual <= rtol * abs(value)),
        }
        rows.append(row)
    return rows


def _ratio(pairs: Eigenpairs) -> dict[str, Any]:
    r"""Return $|\lambda_{\min}/\lambda_{\max}|$ and how far it can be off if both bounds hold."""
    high, low = abs(float(pairs.values[0])), abs(float(pairs.values[-1]))
    above, below = float(pairs.bounds[0]), float(pairs.bounds[-1])
    kinds = {pairs.bound_kind[0], pairs.bound_kind[-1]}
    value = low / high if high else None
    error = (low + below) / (high - above) - low / high if high > above else None
    weakest = next(kind for kind in ("heuristic", "probable", "rigorous") if kind in kinds)
    return {"value": value, "error": error, "bound_kind": weakest}


def _held(operator: SymmetricOperator) -> dict[str, Any]:
    batches = getattr(operator, "batches", None)
    names = ("planned_bytes", "held_bytes", "memory")
    return (
        {} if batches is None else {"held_batches": batches.count, **{name: getattr(batches, name) for name in names}}
    )


def printed(result: dict[str, Any]) -> dict[str, Any]:
    """Return what ``--json`` prints: everything but the curves of the density, which the figure's JSON has."""
    density = result["density"]
    if density is None:
        return result
    return {**result, "density": {key: each for key, each in density.items() if key not in ("linear", "symlog")}}
