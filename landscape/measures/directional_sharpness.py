"""The curvature along the optimizer's own coming step."""

import torch

from landscape.measures.exact import UNITS
from landscape.measures.measurement import Measure, Measurement
from landscape.minimum import NO_OPTIMIZER_STATE, Minimum
from landscape.registry import measures

_BLIND_SPOT = (
    "Curvature along one step of one optimizer at one moment, taken with the gradient over all examples here; sharper "
    "directions that the step avoids do not show."
)


def directional_sharpness(minimum: Minimum, *, seed: int = 0, rtol: float = 1e-3) -> Measurement:
    r"""Return $u^\top H u / |u|^2$ of the update u that the optimizer would make next.

    u is what the optimizer itself (SGD with its momentum, Adam with both moments, decoupled weight decay ...) adds to
    theta in its coming step, given the gradient over all examples of the problem.

    Args:
        minimum: What to measure; its ``update`` is the coming step.
        seed: Nothing here is random.
        rtol: Tolerance of the rounding, relative to the value.

    Returns:
        The curvature, within the range of the eigenvalues; no value without the optimizer's state, or where the
        update is zero.

    Cost:
        One gradient and one product.

    Invariances:
        Permutation of neurons; scaling of the learning rate.

    References:
        Pan and Li 2023, "Toward understanding why Adam converges faster than SGD for transformers", section 3
        (directional sharpness, there without the division).
    """
    if minimum.update is None:
        return Measurement(value=None, reason=NO_OPTIMIZER_STATE, caveat=_BLIND_SPOT)
    gradient = minimum.gradient
    u = minimum.update.rule(gradient).double()
    size = float(u.norm())
    if size == 0:
        return Measurement(value=None, passes=1, reason="the coming update is zero", caveat=_BLIND_SPOT)
    direction = (u / size).to(gradient)
    product = (minimum.hessian @ direction).double()
    value = float(torch.dot(direction.double(), product))
    error = UNITS * float(torch.finfo(minimum.problem.dtype).eps) * float(product.norm())
    return Measurement(
        value=value,
        error=error,
        error_kind="rounding",
        matvecs=1,
        passes=1,
        converged=error <= rtol * abs(value),
        reason=f"exact up to rounding: along {minimum.update.source}",
        caveat=_BLIND_SPOT,
        details={"update_norm": size},
    )


measures.register("directional_sharpness", "curvature along the optimizer's own coming step")(
    Measure(
        directional_sharpness,
        "directional sharpness",
        r"u^\top H u / |u|^2",
        _BLIND_SPOT,
        "directional sharpness",
        2,
        sign=0,
        why_not="is measured along a direction of the optimizer's own, which differs between the minima compared",
    )
)
