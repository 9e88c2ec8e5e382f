"""The mean rise of the loss under Gaussian noise on the weights."""

from landscape.measures.measurement import Measure, Measurement
from landscape.measures.perturbed_loss import Cost, each_radius
from landscape.measures.shared_noise import check_radius, mean_change, noise_pairs
from landscape.minimum import Minimum
from landscape.registry import measures

KINKS = (
    "On networks with kinks (ReLU) it is not s²/2 times the Hessian's trace at usual radii but 1.4 to 7 times as much: "
    "kinks within the radius bend the surface, and the Hessian does not see them."
)
_BLIND_SPOT = (
    "A mean over directions at one radius: a few sharp ones hardly show, and rescaling that leaves the function "
    f"unchanged moves it. {KINKS}"
)


def average_sharpness(
    minimum: Minimum,
    *,
    seed: int = 0,
    rtol: float = 0.05,
    radius: float = 0.01,
    radii: tuple[float, ...] = (0.001, 0.003, 0.01, 0.03),
    max_pairs: int = 200,
) -> Measurement:
    r"""Return $E_e[L(\theta + s e)] - L(\theta)$ for e standard normal, s the radius.

    On smooth networks it tends to $\frac{s^2}{2} \operatorname{tr} H$ as s goes to 0. Noise comes in antithetic
    pairs, $\theta \pm s e$, so that the gradient drops out of each; the same e serve every radius.

    Args:
        minimum: What to measure.
        seed: Of the noise.
        rtol: Tolerance of the standard error, relative to the value, at every radius.
        radius: Standard deviation of the noise on each weight.
        radii: More of them, for the sweep.
        max_pairs: Most pairs at a radius.

    Returns:
        The mean at ``radius``; ``details`` has ``radius`` and the ``sweep``: a row a radius with its standard error.

    Raises:
        UsageError: If a radius is not positive.

    Cost:
        Two forward passes a pair; 16 to 200 pairs a radius.

    Invariances:
        Permutation of neurons. None under rescaling of layers or neurons.

    References:
        Jiang, Neyshabur, Mobahi, Krishnan, Bengio 2020, "Fantastic generalization measures and where to find them";
        Andriushchenko, Croce, Mueller, Hein, Flammarion 2023, "A modern look at the relationship between sharpness
        and generalization", eq. 1.
    """
    return noise_measurement(
        minimum,
        seed=seed,
        rtol=rtol,
        radius=radius,
        radii=radii,
        max_pairs=max_pairs,
        adaptive=False,
        caveat=_BLIND_SPOT,
    )


def noise_measurement(
    minimum: Minimum,
    *,
    seed: int,
    rtol: float,
    radius: float,
    radii: tuple[float, ...],
    max_pairs: int,
    adaptive: bool,
    caveat: str,
) -> Measurement:
    """Return the mean rise under plain or adaptive noise, with the sweep over radii.

    Raises:
        UsageError: If a radius is not positive.
    """
    for each in (radius, *radii):
        check_radius(each)
    pairs = noise_pairs(minimum, seed, adaptive=adaptive)
    cost = Cost(pairs.loss)
    sweep = [mean_change(pairs, each, rtol, max_pairs) for each in each_radius(radius, radii)]
    found = next(each for each in sweep if each.radius == radius)
    reason = "the standard error is within rtol" if found.converged else f"max_pairs ({max_pairs}) reached"
    measured = Measurement(
        value=found.value,
        error=found.error,
        error_kind="standard error",
        converged=found.converged,
        reason=f"{reason}, {found.pairs} pairs",
        caveat=f"At a radius of {radius:g}. {caveat}",
        details={"radius": radius, "sweep": [each.to_dict() for each in sweep]},
    )
    return cost.added(measured)


measures.register("average_sharpness", "mean rise of the loss under Gaussian noise on the weights")(
    Measure(
        average_sharpness,
        "average sharpness",
        r"E_e L(\theta + s e) - L(\theta)",
        _BLIND_SPOT,
        "average sharpness",
        100,
    )
)
