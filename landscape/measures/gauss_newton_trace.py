"""The trace of the Gauss-Newton matrix."""

from landscape.errors import ProblemError
from landscape.measures.measurement import Measure, Measurement
from landscape.measures.shared_diagonal import shared_squares
from landscape.measures.shared_probes import elementwise, mean_over_probes
from landscape.measures.trace import trace_measurement
from landscape.minimum import Minimum
from landscape.registry import measures
from landscape.solvers import Estimate
from landscape.solvers.hessian_trace import exact_trace

_BLIND_SPOT = (
    "The part of the curvature that the loss brings to a linearised network; the network's own curvature is left out, "
    "and rescaling neurons that leaves the function unchanged moves it."
)


def gauss_newton_trace(minimum: Minimum, *, seed: int = 0, rtol: float = 0.05, max_matvecs: int = 400) -> Measurement:
    r"""Return $\operatorname{tr} G$, exactly, by one backward pass an output.

    For cross-entropy it is the trace of the Fisher matrix. Where gradients of single examples cannot be had layer by
    layer (attention written by hand, weights used twice), it is averaged over random probes.

    Args:
        minimum: What to measure; its loss must be a criterion.
        seed: Of the probes, where they are needed.
        rtol: Tolerance of the standard error, relative to the value.
        max_matvecs: Most products.

    Raises:
        ProblemError: If the loss is a function of (model, batch), which has no outputs to linearise.

    Cost:
        One backward pass an output, shared with every measure that weighs the diagonal.

    Invariances:
        Permutation of neurons. None under rescaling of layers or neurons.

    References:
        Dangel, Kunstner, Hennig 2020, "BackPACK: packing more into backprop", section 2.
    """
    return trace_measurement(
        shared_gauss_newton_trace(minimum, rtol=rtol, max_matvecs=max_matvecs, seed=seed), _BLIND_SPOT
    )


def shared_gauss_newton_trace(minimum: Minimum, *, rtol: float, max_matvecs: int, seed: int) -> Estimate:
    """Return the trace, whose cost is that beyond what other measures had done already.

    Raises:
        ProblemError: If the loss is no criterion.
    """
    minimum.problem.require_criterion()
    try:
        squares, fresh = shared_squares(minimum)
    except ProblemError as error:
        why = str(error).split(". ")[0].lower()
        return mean_over_probes(
            minimum, elementwise, operator="gauss_newton", rtol=rtol, max_matvecs=max_matvecs, seed=seed, note=why
        )
    passes = squares.passes if fresh else 0
    return exact_trace(squares.diagonal, minimum.hessian.dtype, "squared gradients of single examples", passes)


measures.register("gauss_newton_trace", "trace of the Gauss-Newton matrix, exact by backward passes")(
    Measure(
        gauss_newton_trace,
        "Gauss-Newton trace",
        r"\operatorname{tr} G",
        _BLIND_SPOT,
        "Gauss-Newton trace",
        12,
    )
)
