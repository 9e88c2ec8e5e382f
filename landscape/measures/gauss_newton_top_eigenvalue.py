"""The largest eigenvalue of the Gauss-Newton matrix."""

from landscape.measures.measurement import Measure, Measurement
from landscape.measures.shared_lanczos import extreme_eigenpairs
from landscape.measures.top_eigenvalue import eigenvalue_measurement
from landscape.minimum import Minimum
from landscape.registry import measures

_BLIND_SPOT = (
    "One direction only, of a linearised network: negative curvature is left out, and rescaling that leaves the "
    "function unchanged moves it."
)


def gauss_newton_top_eigenvalue(
    minimum: Minimum, *, seed: int = 0, rtol: float = 1e-3, max_matvecs: int = 200
) -> Measurement:
    r"""Return $\lambda_{\max}(G)$ of the generalized Gauss-Newton matrix, by Lanczos.

    Args:
        minimum: What to measure; its loss must be a criterion.
        seed: Of the start vector.
        rtol: Tolerance of the residual, relative to the value (which is then far better).
        max_matvecs: Most products.

    Raises:
        ProblemError: If the loss is a function of (model, batch), which has no outputs to linearise.

    Cost:
        6 to 20 products, each two thirds of one with the Hessian.

    Invariances:
        Permutation of neurons. None under rescaling of layers or neurons.

    References:
        Schraudolph 2002, "Fast curvature matrix-vector products for second-order gradient descent", section 3.
    """
    pairs, own = extreme_eigenpairs(minimum, "gauss_newton", rtol=rtol, max_matvecs=max_matvecs, seed=seed)
    return eigenvalue_measurement(pairs, own, _BLIND_SPOT)


measures.register("gauss_newton_top_eigenvalue", "largest eigenvalue of the Gauss-Newton matrix, by Lanczos")(
    Measure(
        gauss_newton_top_eigenvalue,
        "Gauss-Newton top eigenvalue",
        r"\lambda_{\max}(G)",
        _BLIND_SPOT,
        "Gauss-Newton top eigenvalue",
        8,
        keeps="eigenvalues",
    )
)
