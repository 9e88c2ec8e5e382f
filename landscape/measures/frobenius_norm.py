"""The Frobenius norm of the Hessian."""

import dataclasses

from landscape.measures.measurement import Measure, Measurement
from landscape.measures.shared_lanczos import IN_WORDS, OperatorName, operator_of
from landscape.minimum import Minimum
from landscape.registry import measures
from landscape.solvers import Estimate
from landscape.solvers import frobenius_norm as estimate_frobenius_norm
from landscape.solvers.memory_plan import planned_sketch, rows_of_sketch

_BLIND_SPOT = (
    "Dominated by the few largest eigenvalues, of either sign; rescaling that leaves the function unchanged moves it."
)


def frobenius_norm(
    minimum: Minimum, *, seed: int = 0, rtol: float = 0.03, max_matvecs: int = 400, operator: OperatorName = "hessian"
) -> Measurement:
    r"""Return $|H|_F = (\sum_i \lambda_i^2)^{1/2}$.

    Args:
        minimum: What to measure.
        seed: Of the random vectors.
        rtol: Tolerance of the standard error, relative to the value.
        max_matvecs: Most products.
        operator: ``"hessian"`` or ``"gauss_newton"``.

    Cost:
        24 to 100 products.

    Invariances:
        Permutation of neurons. None under rescaling of layers or neurons.

    References:
        Epperly, Tropp, Webber 2024, "XTrace: making the most of every sample in stochastic trace estimation", whose
        leave-one-out it uses. As a sharpness: Wu, Wang, Su 2022, "The alignment property of SGD noise and how it
        helps select flat minima", section 3.
    """
    estimate = shared_frobenius_norm(minimum, operator, rtol=rtol, max_matvecs=max_matvecs, seed=seed)
    return Measurement(
        value=estimate.value,
        error=estimate.error,
        error_kind="standard error",
        matvecs=estimate.matvecs,
        converged=estimate.converged,
        reason=estimate.reason,
        caveat=_BLIND_SPOT,
    )


def shared_frobenius_norm(
    minimum: Minimum, operator: OperatorName, *, rtol: float, max_matvecs: int, seed: int
) -> Estimate:
    """Return the norm, whose ``matvecs`` are those beyond what other measures had done already."""

    def compute() -> Estimate:
        H, most = operator_of(minimum, operator), max(2, max_matvecs)
        kept = planned_sketch(H, rows_of_sketch(H.shape[0], most // 2))
        return estimate_frobenius_norm(
            H, rtol=rtol, min_matvecs=min(24, most), max_matvecs=most, seed=seed, max_vectors=kept
        )

    key = (f"Frobenius norm of {IN_WORDS[operator]}", rtol, max_matvecs, seed)
    estimate, fresh = minimum.shared(key, compute)
    return estimate if fresh else dataclasses.replace(estimate, matvecs=0)


measures.register("frobenius_norm", "Frobenius norm of the Hessian or the Gauss-Newton matrix")(
    Measure(frobenius_norm, "Frobenius norm", r"|H|_F", _BLIND_SPOT, "Frobenius norm", 40, keeps="sketch")
)
