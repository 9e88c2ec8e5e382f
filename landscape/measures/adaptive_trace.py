"""The trace of the Hessian by the relative sizes of the weights."""

from typing import Literal

from landscape.measures.diagonals import gauss_newton_diagonal_of, hessian_diagonal_of
from landscape.measures.exact import exact
from landscape.measures.measurement import Measure, Measurement
from landscape.minimum import Minimum
from landscape.operators.combinations import Scaled
from landscape.registry import measures
from landscape.solvers import hutchinson, xtrace

_BLIND_SPOT = (
    "The sum over single relative changes of weights: correlations between weights do not enter, large positive and "
    "negative terms cancel, and it follows the scale of the logits."
)
_COARSE = 0.03


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
    found = gauss_newton_diagonal_of(minimum) if matrix == "gauss_newton" else hessian_diagonal_of(minimum)
    if found.values is not None:
        value = float(theta2 @ (found.values + minimum.problem.weight_decay))
        return exact(minimum, value, "exact up to rounding, by backward passes", _BLIND_SPOT, passes=found.passes)
    if matrix == "gauss_newton":
        return Measurement(value=None, reason=found.why_not, caveat=_BLIND_SPOT)
    operator = Scaled(minimum.hessian, minimum.theta)
    least = min(16, max_matvecs)
    solver = hutchinson if rtol >= _COARSE else xtrace
    estimate = solver(operator, rtol=rtol, min_matvecs=least, max_matvecs=max_matvecs, seed=seed)
    return Measurement(
        value=estimate.value,
        error=estimate.error,
        error_kind="standard error",
        matvecs=estimate.matvecs,
        converged=estimate.converged,
        reason=f"{estimate.reason} (not exact: {found.why_not})",
        caveat=_BLIND_SPOT,
    )


measures.register("adaptive_trace", "sum of w_i^2 H_ii, exact where the network is piecewise linear")(
    Measure(
        adaptive_trace,
        "adaptive trace",
        r"\sum_i w_i^2 H_{ii}",
        _BLIND_SPOT,
        "adaptive trace",
        15,
        invariances=frozenset({"layer_rescaling", "neuron_rescaling", "neuron_permutation"}),
    )
)
