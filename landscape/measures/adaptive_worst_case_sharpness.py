"""The largest rise of the loss in a ball in units of the weights."""

from landscape.measures.ball import Norm
from landscape.measures.measurement import Measure, Measurement
from landscape.measures.worst_case_sharpness import BallSearch, worst_case
from landscape.minimum import Minimum
from landscape.registry import measures

_BLIND_SPOT = (
    "The worst direction at one radius only, and a lower bound of it: the search cannot prove that there is no worse "
    "one. Weights that are zero are never moved."
)


def adaptive_worst_case_sharpness(
    minimum: Minimum,
    *,
    seed: int = 0,
    rtol: float = 0.02,
    norm: Norm = "l2",
    radius: float | None = None,
    steps: int = 20,
    restarts: int = 2,
    normalize_logits: bool = False,
) -> Measurement:
    r"""Return $\max_{|\delta / |\theta|| \leq \rho} L(\theta + \delta) - L(\theta)$, from below.

    Ascent as in `worst_case_sharpness`, from the step of ASAM, $\rho\, \theta^2 g / |\theta g|$.

    Args:
        minimum: What to measure.
        seed: Of the random starts.
        rtol: Tolerance of the optimisation gap, relative to the value.
        norm: ``"l2"`` or ``"linf"``.
        radius: $\rho$, relative to the weights; 0.5 for l2 and 0.005 for linf when None.
        steps: Most gradients from each start. 1 with ``restarts=0`` is one-step ASAM sharpness.
        restarts: Random starts.
        normalize_logits: Whether each example's outputs are divided by their standard deviation over classes.

    Returns:
        As `worst_case_sharpness`; the bound for quadratic losses is
        $\rho\,|\theta g| + \frac{\rho^2}{2}\lambda_{\max}(|\theta| H |\theta|)$.

    Raises:
        UsageError: If the radius is not positive, or a count out of its range.

    Cost:
        A forward and a backward pass a step, up to 20 for each of three starts.

    Invariances:
        Permutation of neurons; rescaling of layers and of neurons. With ``normalize_logits`` also scaling of the last
        layer.

    References:
        Kwon, Kim, Park, Choi 2021, "ASAM: adaptive sharpness-aware minimization", eq. 2, without the constant that
        keeps its weights away from zero; Andriushchenko, Croce, Mueller, Hein, Flammarion 2023, "A modern look at the
        relationship between sharpness and generalization", eq. 2 with c = |w|.
    """
    radius = {"l2": 0.5, "linf": 0.005}[norm] if radius is None else radius
    search = BallSearch(norm, radius, steps, restarts, normalize_logits, adaptive=True)
    return worst_case(minimum, search, seed=seed, rtol=rtol, caveat=_BLIND_SPOT)


measures.register("adaptive_worst_case_sharpness", "largest rise of the loss in a ball in units of the weights (ASAM)")(
    Measure(
        adaptive_worst_case_sharpness,
        "adaptive worst-case sharpness",
        r"\max_{|\delta/\theta| = \rho} L(\theta + \delta) - L(\theta)",
        _BLIND_SPOT,
        "adaptive worst-case sharpness",
        50,
        invariances=frozenset({"layer_rescaling", "neuron_rescaling", "neuron_permutation"}),
    )
)
