"""The learning rate itself."""

from landscape.measures.measurement import Measure, Measurement
from landscape.minimum import Minimum
from landscape.registry import measures

_BLIND_SPOT = "A setting, not a property of the minimum: what any measure has to predict better than."


def learning_rate(minimum: Minimum, *, seed: int = 0) -> Measurement:
    """Return the learning rate that the minimum was trained with.

    Args:
        minimum: What to measure; its ``provenance`` has ``learning_rate``.
        seed: Nothing here is random.

    Returns:
        The learning rate; no value where it is not known, as with a checkpoint.

    Cost:
        None.

    Invariances:
        Permutation of neurons, and everything else that is done to the weights.

    References:
        Dziugaite et al. 2020, "In search of robust measures of generalization", section 6.
    """
    found = minimum.provenance.get("learning_rate")
    if found is None:
        reason = "the learning rate is not known: measure a run of a study, whose settings hold it"
        return Measurement(value=None, reason=reason, caveat=_BLIND_SPOT)
    return Measurement(
        value=float(found),
        error=0.0,
        error_kind="rounding",
        converged=True,
        reason="as the run's settings have it",
        caveat=_BLIND_SPOT,
    )


measures.register("learning_rate", "baseline: the learning rate itself")(
    Measure(
        learning_rate,
        "learning rate",
        r"\eta",
        _BLIND_SPOT,
        "learning rate",
        0,
        sign=0,
        why_not="is a baseline, not a sharpness",
        invariances=frozenset(
            {"layer_rescaling", "neuron_rescaling", "batch_norm_scaling", "neuron_permutation", "logit_scaling"}
        ),
    )
)
