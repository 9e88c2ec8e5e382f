"""How far the trace of Gauss-Newton is above the least one with the same function."""

from landscape.measures.exact import rounding
from landscape.measures.measurement import Measure, Measurement
from landscape.measures.orbit import orbit_of
from landscape.minimum import Minimum
from landscape.registry import measures

_BLIND_SPOT = (
    "How far this point is from the flattest point with the same function, and nothing of how flat that one is: "
    "weight decay and balanced initialisation bring it near 1."
)


def orbit_excess(minimum: Minimum, *, seed: int = 0, rtol: float = 1e-9) -> Measurement:
    r"""Return $E = \operatorname{tr} G / \mathrm{MS1} \ge 1$: how much of a trace is a choice of coordinates.

    Args:
        minimum: What to measure; see `orbit_minimum_trace`.
        seed: Nothing here is random.
        rtol: Tolerance of the duality gap, relative to MS1.

    Cost:
        Nothing beside `orbit_minimum_trace`.

    Invariances:
        Permutation of neurons. The scale of logits very nearly, since it moves trace and MS1 alike.
    """
    orbit = orbit_of(minimum, rtol)
    if isinstance(orbit, str):
        return Measurement(value=None, reason=orbit, caveat=_BLIND_SPOT)
    least, gap = orbit.balanced.value, orbit.balanced.gap
    if not least > 0:
        return Measurement(value=None, reason="the trace can be made as small as one likes", caveat=_BLIND_SPOT)
    value = orbit.trace / least
    return Measurement(
        value=value,
        error=value * gap / (least - min(gap, least / 2)) + rounding(minimum, 2 * value),
        error_kind="bound",
        passes=orbit.passes,
        converged=gap <= rtol * least,
        reason=orbit.reason,
        caveat=_BLIND_SPOT,
        details={"trace": orbit.trace, "orbit_minimum_trace": least, "duality_gap": gap, "neurons": orbit.neurons.free},
    )


measures.register("orbit_excess", "trace of Gauss-Newton over MS1: how much of it is a choice of coordinates")(
    Measure(
        orbit_excess,
        "orbit excess",
        r"E",
        _BLIND_SPOT,
        "orbit excess",
        10,
        sign=0,
        why_not="is a property of the coordinates, not of the function",
    )
)
