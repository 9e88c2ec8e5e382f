"""Everything that is measured at one stop of a training."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from landscape.errors import ProblemError
from landscape.operators import Hessian, Preconditioned, SymmetricOperator
from landscape.operators.combinations import Shifted
from landscape.problem import Problem
from landscape.randomness import derive_seed
from landscape.solvers import Eigenpairs, hessian_trace, lanczos
from landscape.solvers.eigenpairs import dot
from landscape.tracking.batch_sharpness import batch_sharpness
from landscape.tracking.edge import Edge
from landscape.tracking.row import Eigenvalue
from landscape.tracking.settings import TrackSettings

ANEW = 10
"""Every so many stops the search begins from a random vector: from an old eigenvector that another one has overtaken it
would stop at once, with a small residual."""


@dataclass
class Warm:
    """What one stop leaves to the next: the vectors that it found, by operator, the kind of product, and its number."""

    vectors: dict[str, Tensor] = field(default_factory=dict)
    product: str = "auto"
    stops: int = 0


@dataclass(frozen=True)
class Step:
    """The step that was taken at the stop.

    Attributes:
        number: 1 is the first.
        update: What it added to the parameters, shape ``(n,)``.
        diagonal: Of its preconditioner, shape ``(n,)``; None without one.
        edge: Its edge of stability.
        batch_size: Examples of its batch.
    """

    number: int
    update: Tensor
    diagonal: Tensor | None
    edge: Edge
    batch_size: int


def measure_stop(
    problem: Problem, theta: Tensor, loss: float, step: Step, settings: TrackSettings, warm: Warm
) -> dict[str, Any]:
    """Return the measured fields of a row; what cannot be had is left out, and ``reason`` says why.

    Args:
        problem: The examples; its model holds the buffers of the point.
        theta: The point before the step, shape ``(n,)``.
        loss: There.
        step: What was done from there.
        settings: What to measure.
        warm: From the stop before; changed.
    """
    g = problem.gradient(theta)
    hessian = Hessian(problem, theta, product=warm.product if settings.product == "auto" else settings.product)
    found: dict[str, Any] = {
        "gradient_norm": _norm(g),
        "update_norm": _norm(step.update),
        "edge": step.edge.value,
        "edge_note": step.edge.note,
    }
    reasons, matvecs = [], 0
    try:
        pairs = _eigenpairs(hessian, "hessian", settings, warm, g)
        found |= _fields("top_eigenvalue", "eigenvalues", pairs) | _alignment(pairs, g, step.update)
        matvecs += pairs.matvecs
        reasons += [] if pairs.converged else [f"eigenvalues: {pairs.reason}"]
        found |= _quadratic(problem, hessian, theta, g, loss, step.update)
        matvecs += 1
        if settings.trace:
            estimate = hessian_trace(hessian, rtol=settings.trace_rtol, seed=settings.seed)
            found |= {"trace": estimate.value, "trace_error": estimate.error}
            matvecs += estimate.matvecs
            reasons += [] if estimate.converged else [f"trace: {estimate.reason}"]
        if step.diagonal is not None:
            pairs = _preconditioned(hessian, step.diagonal, step, settings, warm, g)
            found |= _fields("preconditioned_top_eigenvalue", "preconditioned_eigenvalues", pairs)
            matvecs += pairs.matvecs
            reasons += [] if pairs.converged else [f"preconditioned eigenvalues: {pairs.reason}"]
    except (FloatingPointError, ProblemError, ValueError) as error:
        reasons.append(f"{error}")
    if settings.batches:
        found |= _batches(problem, theta, g, step, settings)
    chosen = hessian.describe().get("held")
    warm.product = chosen["kind"] if chosen else warm.product
    warm.stops += 1
    reason = "; ".join(reasons)
    return {**found, **_ratio(found, step.edge), "matvecs": matvecs, "converged": not reasons, "reason": reason}


def _eigenpairs(operator: SymmetricOperator, name: str, settings: TrackSettings, warm: Warm, g: Tensor) -> Eigenpairs:
    """Return the top eigenpairs, begun from those of the stop before."""
    start = warm.vectors.get(name) if warm.stops % ANEW else None
    seed = derive_seed(settings.seed, f"start of {name}", warm.stops)
    k = min(settings.top_k, operator.shape[0])
    pairs = lanczos(
        operator,
        k,
        rtol=settings.rtol,
        max_matvecs=settings.max_matvecs,
        start=None if start is None else start.to(g),
        seed=seed,
    )
    # the sum of several is a better start than they are one by one
    warm.vectors[name] = pairs.vectors.sum(dim=1).detach().cpu()
    return pairs


def _preconditioned(
    hessian: Hessian, diagonal: Tensor, step: Step, settings: TrackSettings, warm: Warm, g: Tensor
) -> Eigenpairs:
    decay = step.edge.weight_decay
    operator = Preconditioned(Shifted(hessian, decay) if decay else hessian, diagonal)
    return _eigenpairs(operator, "preconditioned", settings, warm, g)


def _fields(name: str, listed: str, pairs: Eigenpairs) -> dict[str, Any]:
    values = tuple(
        Eigenvalue(float(value), float(residual), float(bound))
        for value, residual, bound in zip(pairs.values, pairs.residuals, pairs.bounds, strict=True)
    )
    first = {f"{name}_{key}": each for key, each in dataclasses.asdict(values[0]).items() if key != "value"}
    return {name: values[0].value, **first, listed: values}


def _alignment(pairs: Eigenpairs, g: Tensor, update: Tensor) -> dict[str, Any]:
    """Return |cosines| with the eigenvectors, and the sine of the angle that each of these may be off by."""
    return {
        "gradient_alignment": _cosines(pairs.vectors, g),
        "update_alignment": _cosines(pairs.vectors, update),
        "alignment_error": tuple(float(each) for each in pairs.sines),
    }


def _cosines(vectors: Tensor, v: Tensor) -> tuple[float, ...]:
    size = _norm(v)
    if not 0 < size < float("inf"):
        return ()
    return tuple(abs(dot(each, v)) / size for each in vectors.unbind(1))


def _quadratic(
    problem: Problem, hessian: Hessian, theta: Tensor, g: Tensor, loss: float, update: Tensor
) -> dict[str, float]:
    predicted = dot(g, update) + 0.5 * dot(update, hessian @ update)
    return {"predicted_change": predicted, "actual_change": problem.loss(theta + update) - loss}


def _batches(problem: Problem, theta: Tensor, g: Tensor, step: Step, settings: TrackSettings) -> dict[str, float]:
    found = batch_sharpness(
        problem,
        theta,
        g,
        batch_size=step.batch_size,
        batches=settings.batches,
        seed=settings.seed,
        index=step.number,
    )
    if found is None:
        return {}
    return {
        "batch_sharpness": found.ratio_of_means,
        "batch_sharpness_error": found.ratio_of_means_error,
        "batch_sharpness_mean_of_ratios": found.mean_of_ratios,
        "batch_sharpness_mean_of_ratios_error": found.mean_of_ratios_error,
    }


def _ratio(found: Mapping[str, Any], edge: Edge) -> dict[str, float]:
    name = "preconditioned_top_eigenvalue" if edge.preconditioned else "top_eigenvalue"
    if edge.value is None or edge.value <= 0 or found.get(name) is None:
        return {}
    return {"ratio": found[name] / edge.value, "ratio_bound": found[f"{name}_bound"] / edge.value}


def _norm(v: Tensor) -> float:
    return float(torch.linalg.vector_norm(v, dtype=torch.float64))
