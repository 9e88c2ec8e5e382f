"""The largest eigenvalue of the Hessian by the relative sizes of the weights."""

from landscape.measures.measurement import Measure, Measurement
from landscape.measures.shared_lanczos import extreme_eigenpairs
from landscape.measures.top_eigenvalue import eigenvalue_measurement
from landscape.minimum import Minimum
from landscape.registry import measures

_BLIND_SPOT = (
    "One direction of relative changes of the weights, and only infinitesimally far; it follows the scale of the "
    "logits, and large weights count for more whether or not the function needs them large."
)


def adaptive_top_eigenvalue(
    minimum: Minimum, *, seed: int = 0, rtol: float = 1e-3, max_matvecs: int = 200
) -> Measurement:
    r"""Return $\lambda_{\max}(|\theta| H |\theta|)$, by Lanczos.

    The curvature by relative changes $\theta_i \to \theta_i(1 + z_i)$: what adaptive worst-case sharpness (ASAM)
    becomes for small radii at a stationary point, twice over.

    Args:
        minimum: What to measure.
        seed: Of the start vector.
        rtol: Tolerance of the residual, relative to the value (which is then far better).
        max_matvecs: Most products.

    Cost:
        6 to 20 products on usual networks.

    Invariances:
        Rescaling of layers and neurons: the signs of theta make no difference to the spectrum either.

    References:
        Kwon, Kim, Park, Choi 2021, "ASAM: adaptive sharpness-aware minimization", section 3.
    """
    pairs, own = extreme_eigenpairs(minimum, "adaptive_hessian", rtol=rtol, max_matvecs=max_matvecs, seed=seed)
    return eigenvalue_measurement(pairs, own, _BLIND_SPOT)


measures.register("adaptive_top_eigenvalue", "largest eigenvalue of |w| H |w|, by Lanczos")(
    Measure(
        adaptive_top_eigenvalue,
        "adaptive top eigenvalue",
        r"\lambda_{\max}(|w| H |w|)",
        _BLIND_SPOT,
        "adaptive top eigenvalue",
        10,
        invariances=frozenset({"layer_rescaling", "neuron_rescaling", "batch_norm_scaling", "neuron_permutation"}),
        keeps="eigenvalues",
    )
)
