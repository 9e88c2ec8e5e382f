"""Adam's sharpness: the largest eigenvalue in the metric of its preconditioner."""

import dataclasses

from torch import Tensor

from landscape.measures.measurement import Measure, Measurement
from landscape.measures.top_eigenvalue import eigenvalue_measurement
from landscape.minimum import NO_OPTIMIZER_STATE, Minimum, SecondMoment
from landscape.operators import Preconditioned
from landscape.operators.preconditioned import adam_preconditioner
from landscape.registry import measures
from landscape.solvers.planned_eigenpairs import planned_eigenpairs

_BLIND_SPOT = (
    "Curvature in the metric of one optimizer at one moment: it depends on the history of gradients, and its "
    "numbers compare with the edge of stability of that optimizer, not with a plain eigenvalue."
)


def preconditioned_top_eigenvalue(
    minimum: Minimum, *, seed: int = 0, rtol: float = 1e-3, max_matvecs: int = 200
) -> Measurement:
    r"""Return $\lambda_{\max}(P^{-1/2} H P^{-1/2})$ with Adam's preconditioner P.

    $P = \operatorname{diag}(\sqrt{v/(1-\beta_2^t)} + \epsilon)$ with v as the coming step would use it: after
    absorbing the gradient at this point (over all the examples of the problem).

    Args:
        minimum: What to measure; its ``second_moment`` is v before the coming step.
        seed: Of the start vector.
        rtol: Tolerance of the residual, relative to the value (which is then far better).
        max_matvecs: Most products.

    Cost:
        One gradient and 6 to 30 products.

    Invariances:
        Layer-wise rescaling of a network whose v was gathered under the same scale, but for epsilon.

    References:
        Cohen et al. 2022, "Adaptive gradient methods at the edge of stability", section 3.
    """
    moment = minimum.second_moment
    if moment is None:
        return Measurement(
            value=None,
            reason=NO_OPTIMIZER_STATE,
            caveat=_BLIND_SPOT,
        )
    diagonal = coming_preconditioner(moment, minimum.gradient, minimum.theta)
    operator = Preconditioned(minimum.hessian, diagonal)
    result = eigenvalue_measurement(planned_eigenpairs(operator, rtol=rtol, max_matvecs=max_matvecs, seed=seed))
    return dataclasses.replace(result, caveat=f"v is {moment.source}. {_BLIND_SPOT}")


def coming_preconditioner(moment: SecondMoment, gradient: Tensor, theta: Tensor) -> Tensor:
    """Return the diagonal of P as the coming step uses it, shape ``(n,)``, float64."""
    beta2, g = moment.beta2, gradient.double() + moment.weight_decay * theta.double()
    v = beta2 * moment.value.to(g.device).double() + (1 - beta2) * g.square()
    return adam_preconditioner(v, moment.step + 1 if moment.step else 0, beta2=beta2, eps=moment.eps)


measures.register("preconditioned_top_eigenvalue", "largest Hessian eigenvalue in the metric of Adam's preconditioner")(
    Measure(
        preconditioned_top_eigenvalue,
        "preconditioned top eigenvalue",
        r"\lambda_{\max}(P^{-1/2} H P^{-1/2})",
        _BLIND_SPOT,
        "preconditioned top eigenvalue",
        15,
        sign=0,
        why_not="is measured in coordinates of the optimizer's own, which differ between the minima compared",
        keeps="eigenvalues",
    )
)
