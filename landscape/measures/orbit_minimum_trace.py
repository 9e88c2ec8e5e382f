"""MS1: the least trace of Gauss-Newton among all rescalings of neurons."""

from landscape.measures.exact import rounding
from landscape.measures.measurement import Measure, Measurement
from landscape.measures.orbit import orbit_of
from landscape.minimum import Minimum
from landscape.registry import measures

_BLIND_SPOT = (
    "The trace in the best coordinates for it: what is left is of the function, but it follows the scale of the logits "
    "and the training loss, and it minimises over rescalings of neurons only."
)


def orbit_minimum_trace(minimum: Minimum, *, seed: int = 0, rtol: float = 1e-9) -> Measurement:
    r"""Return MS1, the least trace of the Gauss-Newton matrix over rescalings that leave the function as it is.

    $$\mathrm{MS1} = \min_{z} \sum_i G_{ii}\, e^{2(z_{q(i)} - z_{p(i)})},$$

    where parameter i leads from neuron q to neuron p and is multiplied by $e^{z_p - z_q}$, and z is zero at inputs and
    outputs. Where biases are left out and there is one hidden layer, it is $2\sum_j\sqrt{a_j b_j}$ with $a_j$ and
    $b_j$ the sums of $G_{ii}$ over the weights into and out of neuron j. BatchNorm in evaluation mode is the
    fixed affine map that it is there: its running statistics are no parameters, its weight and bias carry the scale.

    Args:
        minimum: What to measure: a feed-forward or convolutional network, with or without BatchNorm (in evaluation
            mode) and residual connections. Activations that are not positively homogeneous (tanh) hold their
            neurons' scales.
        seed: Nothing here is random.
        rtol: Tolerance of the duality gap, relative to the value.

    Returns:
        The value, with the duality gap and rounding as its error; ``details`` has the trace at this point and how many
        neurons were rescaled. No value, and a reason, where the network is not understood (attention).

    Cost:
        One backward pass an output, shared with the exact trace; some dense factorisations of the neurons' graph.

    Invariances:
        Rescaling of layers and neurons, by construction. Not the scale of weights before a BatchNorm: in evaluation
        mode that moves its statistics. Weight decay is left out.

    References:
        Neyshabur, Salakhutdinov, Srebro 2015, "Path-SGD", section 3 (the group); Kalantari, Khachiyan, Shokoufandeh
        1997, "On the complexity of matrix balancing" (the problem).
    """
    orbit = orbit_of(minimum, rtol)
    if isinstance(orbit, str):
        return Measurement(value=None, reason=orbit, caveat=_BLIND_SPOT)
    value, gap = orbit.balanced.value, orbit.balanced.gap
    return Measurement(
        value=value,
        error=gap + rounding(minimum, value),
        error_kind="bound",
        passes=orbit.passes,
        converged=gap <= rtol * value,
        reason=orbit.reason,
        caveat=_BLIND_SPOT,
        details={"trace": orbit.trace, "duality_gap": gap, "neurons": orbit.neurons.free},
    )


measures.register("orbit_minimum_trace", "MS1: least trace of Gauss-Newton over rescalings of neurons")(
    Measure(
        orbit_minimum_trace,
        "orbit-minimum trace",
        r"\mathrm{MS1}",
        _BLIND_SPOT,
        "orbit-minimum trace",
        10,
        invariances=frozenset({"layer_rescaling", "neuron_rescaling", "neuron_permutation"}),
    )
)
