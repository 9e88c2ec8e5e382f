"""The training loss itself."""

from landscape.measures.exact import exact
from landscape.measures.measurement import Measure, Measurement
from landscape.minimum import Minimum
from landscape.registry import measures

_BLIND_SPOT = "What is compared at, not what is compared: minima at different training loss differ in curvature by it."


def train_loss(minimum: Minimum, *, seed: int = 0) -> Measurement:
    r"""Return $L(\theta)$ over the measured examples, in evaluation mode, with weight decay where there is any.

    Args:
        minimum: What to measure.
        seed: Nothing here is random.

    Cost:
        One forward pass.

    Invariances:
        Everything that leaves the function as it is, but for weight decay.
    """
    reason = "exact up to rounding: one forward pass"
    # of a loss near zero what rounding leaves is that of the outputs: a difference of logits and their log-sum-exp
    loss = minimum.problem.loss(minimum.theta)
    return exact(minimum, loss, reason, _BLIND_SPOT, magnitude=1 + loss, forward_passes=1)


measures.register("train_loss", "baseline: the training loss itself")(
    Measure(
        train_loss,
        "training loss",
        r"L(\theta)",
        _BLIND_SPOT,
        "training loss",
        0,
        sign=0,
        why_not="is a baseline, not a sharpness",
        invariances=frozenset({"layer_rescaling", "neuron_rescaling", "batch_norm_scaling", "neuron_permutation"}),
    )
)
