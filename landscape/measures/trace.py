"""The trace of the Hessian."""

from typing import Literal

from landscape.measures.measurement import Measure, Measurement
from landscape.minimum import Minimum
from landscape.registry import measures
from landscape.solvers import hessian_trace

TraceMethod = Literal["auto", "exact", "sampled", "gauss_newton", "hutchinson", "hutchpp", "xtrace"]

_BLIND_SPOT = (
    "The sum over all directions: large positive and negative curvature cancel in it, and rescaling neurons that "
    "leaves the function unchanged moves it."
)


def trace(
    minimum: Minimum, *, seed: int = 0, rtol: float = 0.05, max_matvecs: int = 400, method: TraceMethod = "auto"
) -> Measurement:
    r"""Return $\operatorname{tr} H$: exactly by backward passes on piecewise-linear networks, else by random probes.

    Args:
        minimum: What to measure.
        seed: Of the probes.
        rtol: Tolerance of the standard error, relative to the value.
        max_matvecs: Most products.
        method: A way of `hessian_trace` by name.

    Cost:
        Exact: one backward pass an output, each about as much as a product. Else 16 to some hundred products, as
        ``rtol`` asks.

    Invariances:
        Permutation of neurons. None under rescaling of layers or neurons.
    """
    estimate = hessian_trace(minimum.hessian, method=method, rtol=rtol, max_matvecs=max_matvecs, seed=seed)
    return Measurement(
        value=estimate.value,
        error=estimate.error,
        error_kind="rounding" if estimate.method == "exact" else "standard error",
        matvecs=estimate.matvecs,
        passes=estimate.passes,
        converged=estimate.converged,
        reason=estimate.reason,
        caveat=_BLIND_SPOT,
    )


measures.register("trace", "trace of the Hessian, exact where the network is piecewise linear")(
    Measure(trace, "trace", r"\operatorname{tr} H", _BLIND_SPOT, "trace", 15)
)
