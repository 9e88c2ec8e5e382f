"""The Frobenius norm of the Hessian."""

import dataclasses

from landscape.measures.measurement import Measure, Measurement
from landscape.measures.shared_lanczos import IN_WORDS, OperatorName, operator_of
from landscape.minimum import Minimum
from landscape.registry import measures
from landscape.solvers import Estimate
from landscape.solvers import frobenius_norm as estimate_frobenius_norm

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
    estimate, fresh = minimum.shared(
        (f"Frobenius norm of {IN_WORDS[operator]}", rtol, max_matvecs, seed),
        lambda: estimate_frobenius_norm(
            operator_of(minimum, operator),
            rtol=rtol,
            min_matvecs=max(2, min(24, max_matvecs)),
            max_matvecs=max(2, max_matvecs),
            seed=seed,
        ),
    )
    return estimate if fresh else dataclasses.replace(estimate, matvecs=0)


measures.register("frobenius_norm", "Frobenius norm of the Hessian or the Gauss-Newton matrix")(
    Measure(frobenius_norm, "Frobenius norm", r"|H|_F", _BLIND_SPOT, "Frobenius norm", 40)
)
