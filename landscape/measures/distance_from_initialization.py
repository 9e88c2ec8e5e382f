"""How far training went."""

from landscape.measures.exact import exact
from landscape.measures.measurement import Measure, Measurement
from landscape.minimum import Minimum
from landscape.registry import measures

_BLIND_SPOT = "How far training went in these coordinates, and so for how long and how fast; nothing of the loss."


def distance_from_initialization(minimum: Minimum, *, seed: int = 0) -> Measurement:
    r"""Return $|\theta - \theta_0|$, the distance to the parameters before training.

    Args:
        minimum: What to measure; its ``initial`` is $\theta_0$.
        seed: Nothing here is random.

    Returns:
        The distance; no value where the initial parameters are not known, as with a checkpoint.

    Cost:
        None.

    Invariances:
        None: the initial parameters stay where they are.

    References:
        Nagarajan, Kolter 2019, "Generalization in deep networks: the role of distance from initialization".
    """
    if minimum.initial is None:
        reason = "the initial parameters are not known: measure a run of a study, which makes them again from its seed"
        return Measurement(value=None, reason=reason, caveat=_BLIND_SPOT)
    difference = minimum.theta.double() - minimum.initial.to(minimum.theta.device).double()
    return exact(minimum, float(difference.norm()), "exact up to rounding", _BLIND_SPOT)


measures.register("distance_from_initialization", "baseline: distance to the parameters before training")(
    Measure(
        distance_from_initialization,
        "distance from initialization",
        r"|\theta - \theta_0|",
        _BLIND_SPOT,
        "distance from initialization",
        0,
        sign=0,
        why_not="is a baseline, not a sharpness",
        invariances=frozenset(),
    )
)
