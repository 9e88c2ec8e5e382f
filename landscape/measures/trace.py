"""The trace of the Hessian."""

import dataclasses
from typing import Literal

from landscape.measures.measurement import Measure, Measurement
from landscape.measures.shared_diagonal import exact_diagonal, exact_weighted_trace, piecewise_linear, weighted_trace
from landscape.minimum import Minimum
from landscape.registry import measures
from landscape.solvers import Estimate, hessian_trace
from landscape.solvers.hessian_trace import COARSE

TraceMethod = Literal["auto", "exact", "sampled", "gauss_newton", "hutchinson", "hutchpp", "xtrace"]

_BLIND_SPOT = (
    "The sum over all directions: large positive and negative curvature cancel in it, and rescaling neurons that "
    "leaves the function unchanged moves it."
)


def trace(
    minimum: Minimum, *, seed: int = 0, rtol: float = 0.05, max_matvecs: int = 400, method: TraceMethod = "auto"
) -> Measurement:
    r"""Return $\operatorname{tr} H$: exactly on piecewise-linear or small networks, else by random probes.

    Args:
        minimum: What to measure.
        seed: Of the probes.
        rtol: Tolerance of the standard error, relative to the value.
        max_matvecs: Most products.
        method: A way of `hessian_trace` by name.

    Cost:
        Exact: one backward pass an output, each about as much as a product, or one product a parameter up to 64 of
        them. Else 16 to some hundred products, as ``rtol`` asks.

    Invariances:
        Permutation of neurons. None under rescaling of layers or neurons.
    """
    return trace_measurement(shared_trace(minimum, rtol=rtol, max_matvecs=max_matvecs, seed=seed, method=method))


def shared_trace(
    minimum: Minimum, *, rtol: float, max_matvecs: int, seed: int, method: TraceMethod = "auto"
) -> Estimate:
    """Return the trace by `hessian_trace`, or by the diagonal or the probes that other measures share.

    ``matvecs`` and ``passes`` are its own, beyond what other measures had done already.
    """
    if method == "auto" and rtol >= COARSE and not piecewise_linear(minimum, seed)[0]:
        return weighted_trace(minimum, None, rtol=rtol, max_matvecs=max_matvecs, seed=seed)
    found = exact_diagonal(minimum, seed) if method in ("auto", "exact") else None
    if found is not None:
        return exact_weighted_trace(minimum, found, None)
    estimate, fresh = minimum.shared(
        ("trace", method, rtol, max_matvecs, seed),
        lambda: hessian_trace(minimum.hessian, method=method, rtol=rtol, max_matvecs=max_matvecs, seed=seed),
    )
    return estimate if fresh else dataclasses.replace(estimate, matvecs=0, passes=0)


def trace_measurement(estimate: Estimate, caveat: str = _BLIND_SPOT) -> Measurement:
    """Return an estimate of a trace as a measurement."""
    return Measurement(
        value=estimate.value,
        error=estimate.error,
        error_kind="rounding" if estimate.method == "exact" else "standard error",
        matvecs=estimate.matvecs,
        passes=estimate.passes,
        converged=estimate.converged,
        reason=estimate.reason,
        caveat=caveat,
    )


measures.register("trace", "trace of the Hessian, exact where the network is piecewise linear")(
    Measure(trace, "trace", r"\operatorname{tr} H", _BLIND_SPOT, "trace", 15, keeps="trace")
)
