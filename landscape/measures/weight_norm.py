"""The length of the parameters."""

from landscape.measures.exact import exact
from landscape.measures.measurement import Measure, Measurement
from landscape.minimum import Minimum
from landscape.registry import measures

_BLIND_SPOT = "The size of the parameters, biases and normalisation included: nothing of the function or the loss."


def weight_norm(minimum: Minimum, *, seed: int = 0) -> Measurement:
    r"""Return $|\theta|$, the Euclidean norm of all trainable parameters.

    Args:
        minimum: What to measure.
        seed: Nothing here is random.

    Cost:
        None.

    Invariances:
        Permutation of neurons. None under rescaling.

    References:
        Jiang et al. 2020, "Fantastic generalization measures and where to find them", appendix C.
    """
    return exact(minimum, float(minimum.theta.double().norm()), "exact up to rounding", _BLIND_SPOT)


measures.register("weight_norm", "baseline: Euclidean norm of the parameters")(
    Measure(
        weight_norm,
        "weight norm",
        r"|\theta|",
        _BLIND_SPOT,
        "weight norm",
        0,
        sign=0,
        why_not="is a baseline, not a sharpness",
    )
)
