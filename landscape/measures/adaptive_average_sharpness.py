"""The mean rise of the loss under noise in proportion to the weights."""

from landscape.measures.average_sharpness import KINKS, noise_measurement
from landscape.measures.measurement import Measure, Measurement
from landscape.minimum import Minimum
from landscape.registry import measures

_BLIND_SPOT = (
    "A mean over directions at one radius: a few sharp ones hardly show, and weights that are zero are never moved. "
    f"{KINKS}"
)


def adaptive_average_sharpness(
    minimum: Minimum,
    *,
    seed: int = 0,
    rtol: float = 0.05,
    radius: float = 0.05,
    radii: tuple[float, ...] = (0.005, 0.02, 0.05, 0.1),
    max_pairs: int = 200,
) -> Measurement:
    r"""Return $E_e[L(\theta + s\,|\theta| \odot e)] - L(\theta)$ for e standard normal, s the radius.

    On smooth networks it tends to $\frac{s^2}{2} \sum_i \theta_i^2 H_{ii}$ as s goes to 0.

    Args:
        minimum: What to measure.
        seed: Of the noise.
        rtol: Tolerance of the standard error, relative to the value, at every radius.
        radius: Standard deviation of the noise on each weight, relative to the weight.
        radii: More of them, for the sweep.
        max_pairs: Most pairs at a radius.

    Returns:
        As `average_sharpness`.

    Raises:
        UsageError: If a radius is not positive.

    Cost:
        Two forward passes a pair; 16 to 200 pairs a radius.

    Invariances:
        Permutation of neurons; rescaling of layers and of neurons, with noise that goes with the weights.

    References:
        Andriushchenko, Croce, Mueller, Hein, Flammarion 2023, "A modern look at the relationship between sharpness
        and generalization", eq. 1 with c = |w|.
    """
    return noise_measurement(
        minimum,
        seed=seed,
        rtol=rtol,
        radius=radius,
        radii=radii,
        max_pairs=max_pairs,
        adaptive=True,
        caveat=_BLIND_SPOT,
    )


measures.register("adaptive_average_sharpness", "mean rise of the loss under noise in proportion to the weights")(
    Measure(
        adaptive_average_sharpness,
        "adaptive average sharpness",
        r"E_e L(\theta + s |\theta| e) - L(\theta)",
        _BLIND_SPOT,
        "adaptive average sharpness",
        100,
        invariances=frozenset({"layer_rescaling", "neuron_rescaling", "neuron_permutation"}),
    )
)
