"""The loss seen through a Gaussian low-pass filter."""

import math

from landscape.measures.average_sharpness import KINKS
from landscape.measures.measurement import Measure, Measurement
from landscape.measures.perturbed_loss import Cost
from landscape.measures.shared_noise import check_radius, mean_change, noise_pairs
from landscape.minimum import Minimum
from landscape.registry import measures

_BLIND_SPOT = (
    "The loss at the point is part of it, so that minima compare at one training loss only; rescaling that leaves the "
    f"function unchanged moves it. {KINKS}"
)


def low_pass_sharpness(
    minimum: Minimum, *, seed: int = 0, rtol: float = 0.05, radius: float = 0.01, max_pairs: int = 200
) -> Measurement:
    r"""Return $(L * K)(\theta) = E_\tau[L(\theta - \tau)]$ for $\tau \sim N(0, s^2 I)$, s the radius.

    It is the loss plus `average_sharpness` at the same radius, from the same noise.

    Args:
        minimum: What to measure.
        seed: Of the noise.
        rtol: Tolerance of the standard error, relative to the rise over the loss at the point.
        radius: Standard deviation of the filter.
        max_pairs: Most antithetic pairs.

    Raises:
        UsageError: If the radius is not positive.

    Cost:
        Two forward passes a pair, 16 to 200 pairs, shared with `average_sharpness` where the radius is one of its.

    Invariances:
        Permutation of neurons. None under rescaling of layers or neurons.

    References:
        Bisla, Wang, Choromanska 2022, "Low-pass filtering SGD for recovering flat optima in the deep learning
        optimization landscape", definition of LPF.
    """
    check_radius(radius)
    pairs = noise_pairs(minimum, seed, adaptive=False)
    cost = Cost(pairs.loss)
    rise, loss = mean_change(pairs, radius, rtol, max_pairs), pairs.loss.centre.loss
    reason = "the standard error is within rtol" if rise.converged else f"max_pairs ({max_pairs}) reached"
    measured = Measurement(
        value=math.fsum([loss, rise.value]),
        error=rise.error + pairs.loss.rounding,
        error_kind="standard error",
        converged=rise.converged,
        reason=f"{reason}, {rise.pairs} pairs",
        caveat=f"At a radius of {radius:g}. {_BLIND_SPOT}",
        details={"radius": radius, "loss": loss, "rise": rise.value},
    )
    return cost.added(measured)


measures.register("low_pass_sharpness", "the loss convolved with a Gaussian")(
    Measure(
        low_pass_sharpness,
        "low-pass sharpness",
        r"(L * K)(\theta)",
        _BLIND_SPOT,
        "low-pass sharpness",
        30,
        sign=0,
        why_not="holds the training loss itself; its rise is the average sharpness",
    )
)
