"""The trace of the Hessian by the relative sizes of the weights."""

from typing import Literal

from landscape.errors import ProblemError
from landscape.measures.exact import exact
from landscape.measures.measurement import Measure, Measurement
from landscape.measures.shared_diagonal import exact_diagonal, multiplied_out_trace, piecewise_linear, shared_squares
from landscape.measures.trace import trace_measurement
from landscape.minimum import Minimum
from landscape.operators.combinations import Scaled
from landscape.registry import measures
from landscape.solvers import hutchinson

_BLIND_SPOT = (
    "The sum over single relative changes of weights: correlations between weights do not enter, large positive and "
    "negative terms cancel, and it follows the scale of the logits."
)


def adaptive_trace(
    minimum: Minimum,
    *,
    seed: int = 0,
    rtol: float = 0.05,
    max_matvecs: int = 1000,
    matrix: Literal["hessian", "gauss_newton"] = "hessian",
) -> Measurement:
    r"""Return $\sum_i \theta_i^2 H_{ii}$, the trace of the Hessian by the logarithms of the weights' sizes.

    With $\theta_i \to \theta_i e^{z_i}$ the second derivative by z at a stationary point. Twice the leading term of the
    average sharpness under noise in proportion to each weight.

    Args:
        minimum: What to measure.
        seed: Of the probes, where there are any.
        rtol: Tolerance of the standard error, relative to the value.
        max_matvecs: Most products.
        matrix: ``"hessian"``, or ``"gauss_newton"`` for the diagonal of that matrix, which is exact on smooth networks
            too; on piecewise-linear ones they are the same.

    Cost:
        Exact: one backward pass an output, shared with the trace. Else 16 to some hundred products.

    Invariances:
        Rescaling of layers and neurons, which multiplies $H_{ii}$ by what it divides $\theta_i^2$ by.

    References:
        Tsuzuku, Sato, Sugiyama 2020, "Normalized flat minima", section 3; Kwon et al. 2021, "ASAM", definition 2.
    """
    theta2 = minimum.theta.double().square()
    if matrix == "gauss_newton":
        try:
            squares, fresh = shared_squares(minimum)
        except ProblemError as error:
            return Measurement(value=None, reason=str(error), caveat=_BLIND_SPOT)
        value, reason = float(theta2 @ squares.diagonal), "exact up to rounding, by backward passes"
        return exact(minimum, value, reason, _BLIND_SPOT, passes=squares.passes * fresh)
    found = exact_diagonal(minimum, seed)
    if found is not None:
        value, reason = float(theta2 @ found.values), f"exact up to rounding: {found.why}"
        return exact(minimum, value, reason, _BLIND_SPOT, passes=found.passes)
    small = multiplied_out_trace(minimum, theta2, max_matvecs)
    if small is not None:
        return trace_measurement(small, _BLIND_SPOT)
    # |w| on either side: probes shared with the trace would scatter more, sums of w_i^2 + w_j^2 for 2 |w_i w_j|
    operator = Scaled(minimum.hessian, minimum.theta)
    estimate = hutchinson(operator, rtol=rtol, min_matvecs=min(16, max_matvecs), max_matvecs=max_matvecs, seed=seed)
    return Measurement(
        value=estimate.value,
        error=estimate.error,
        error_kind="standard error",
        matvecs=estimate.matvecs,
        converged=estimate.converged,
        reason=f"{estimate.reason} (not exact: {piecewise_linear(minimum, seed)[1]})",
        caveat=_BLIND_SPOT,
    )


measures.register("adaptive_trace", "sum of w_i^2 H_ii, exact where the network is piecewise linear")(
    Measure(
        adaptive_trace,
        "adaptive trace",
        r"\sum w_i^2 H_{ii}",
        _BLIND_SPOT,
        "adaptive trace",
        15,
        invariances=frozenset({"layer_rescaling", "neuron_rescaling", "batch_norm_scaling", "neuron_permutation"}),
    )
)
