"""The trace of the Hessian."""

from landscape.measures.measurement import Measure, Measurement
from landscape.minimum import Minimum
from landscape.registry import measures
from landscape.solvers import hutchinson

_BLIND_SPOT = (
    "The sum over all directions: large positive and negative curvature cancel in it, and rescaling neurons that "
    "leaves the function unchanged moves it."
)


def trace(minimum: Minimum, *, seed: int = 0, rtol: float = 0.05, max_matvecs: int = 400) -> Measurement:
    r"""Return $\operatorname{tr} H$ by Hutchinson's estimator, with its standard error.

    Args:
        minimum: What to measure.
        seed: Of the probes.
        rtol: Tolerance of the standard error, relative to the value.
        max_matvecs: Most products.

    Cost:
        16 to some hundred products, as ``rtol`` asks.

    Invariances:
        Permutation of neurons. None under rescaling of layers or neurons.
    """
    estimate = hutchinson(minimum.hessian, rtol=rtol, max_matvecs=max_matvecs, seed=seed)
    return Measurement(
        value=estimate.value,
        error=estimate.error,
        error_kind="standard error",
        matvecs=estimate.matvecs,
        converged=estimate.converged,
        reason=estimate.reason,
        caveat=_BLIND_SPOT,
    )


measures.register("trace", "trace of the Hessian, by Hutchinson's estimator")(
    Measure(trace, "trace", r"\operatorname{tr} H", _BLIND_SPOT, "trace", 50)
)
