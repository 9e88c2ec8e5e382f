"""How many directions the curvature is spread over."""

import math

from landscape.measures.frobenius_norm import shared_frobenius_norm
from landscape.measures.gauss_newton_trace import shared_gauss_newton_trace
from landscape.measures.measurement import Measure, Measurement
from landscape.measures.shared_lanczos import OperatorName
from landscape.measures.trace import shared_trace
from landscape.minimum import Minimum
from landscape.registry import measures

_BLIND_SPOT = (
    "How many directions share the curvature, not how much there is; negative eigenvalues cancel in the trace and so "
    "lower it."
)


def effective_rank(
    minimum: Minimum, *, seed: int = 0, rtol: float = 0.09, max_matvecs: int = 400, operator: OperatorName = "hessian"
) -> Measurement:
    r"""Return $(\operatorname{tr} H)^2 / |H|_F^2 = (\sum_i \lambda_i)^2 / \sum_i \lambda_i^2$: the participation ratio.

    It is k for k equal eigenvalues and zeros, and between 1 and n for a positive semi-definite matrix.

    Args:
        minimum: What to measure.
        seed: Of the random vectors.
        rtol: Tolerance of the standard error, relative to the value; trace and norm are taken to a third of it.
        max_matvecs: Most products for the trace, and for the norm.
        operator: ``"hessian"`` or ``"gauss_newton"``.

    Returns:
        The ratio; its standard error is twice the relative errors of trace and norm, added in squares.

    Cost:
        As `trace` and `frobenius_norm`, which it shares.

    Invariances:
        Permutation of neurons; multiplying the loss by a number. None under rescaling of layers or neurons.

    References:
        Bartlett, Long, Lugosi, Tsigler 2020, "Benign overfitting in linear regression", definition 3 ($R_0$). The
        effective rank of Roy and Vetterli 2007 is the exponential of the spectrum's entropy: another number.
    """
    take = shared_trace if operator == "hessian" else shared_gauss_newton_trace
    trace = take(minimum, rtol=rtol / 3, max_matvecs=max_matvecs, seed=seed)
    norm = shared_frobenius_norm(minimum, operator, rtol=rtol / 3, max_matvecs=max_matvecs, seed=seed)
    value = (trace.value / norm.value) ** 2 if norm.value else 0.0
    relative = math.hypot(trace.error / abs(trace.value), norm.error / norm.value) if trace.value and norm.value else 0
    error = 2 * relative * value
    return Measurement(
        value=value,
        error=error,
        error_kind="standard error",
        matvecs=trace.matvecs + norm.matvecs,
        passes=trace.passes,
        converged=error <= rtol * value,
        reason=f"trace: {trace.reason}; norm: {norm.reason}",
        caveat=_BLIND_SPOT,
        details={"trace": trace.value, "frobenius_norm": norm.value},
    )


measures.register("effective_rank", "tr(H)^2 / |H|_F^2: how many directions share the curvature")(
    Measure(
        effective_rank,
        "effective rank",
        r"(\operatorname{tr} H)^2 / |H|_F^2",
        _BLIND_SPOT,
        "effective rank",
        50,
        sign=0,
        why_not="counts directions and is no sharpness",
        keeps="sketch",
    )
)
