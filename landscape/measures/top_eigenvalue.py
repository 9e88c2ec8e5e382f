"""The largest algebraic eigenvalue of the Hessian: by Lanczos, and by power iteration."""

from landscape.measures.measurement import Measure, Measurement
from landscape.measures.shared_lanczos import extreme_eigenpairs
from landscape.minimum import Minimum
from landscape.registry import measures
from landscape.solvers import Eigenpairs, power_iteration

_BLIND_SPOT = (
    "One direction only, and only infinitesimally far; it follows the scale of the logits and of the weights, so "
    "rescaling that leaves the function unchanged moves it."
)


def top_eigenvalue(minimum: Minimum, *, seed: int = 0, rtol: float = 1e-3, max_matvecs: int = 200) -> Measurement:
    r"""Return $\lambda_{\max}(H)$, the largest algebraic eigenvalue, by Lanczos.

    Args:
        minimum: What to measure.
        seed: Of the start vector.
        rtol: Tolerance of the residual, relative to the value (which is then far better).
        max_matvecs: Most products.

    Cost:
        6 to 20 products on usual networks.

    Invariances:
        Permutation of neurons. None under rescaling of layers or neurons.
    """
    pairs, own = extreme_eigenpairs(minimum, rtol=rtol, max_matvecs=max_matvecs, seed=seed)
    return eigenvalue_measurement(pairs, own)


def power_iteration_top_eigenvalue(
    minimum: Minimum, *, seed: int = 0, rtol: float = 1e-3, max_matvecs: int = 1000
) -> Measurement:
    r"""Return $\lambda_{\max}(H)$ by power iteration: the plain method, as a check on Lanczos.

    Args:
        minimum: What to measure.
        seed: Of the start vector.
        rtol: Tolerance of the residual, relative to the value (which is then far better).
        max_matvecs: Most products.

    Cost:
        20 to 200 products: slow where the second eigenvalue is close to the first.

    Invariances:
        As `top_eigenvalue`.
    """
    return eigenvalue_measurement(power_iteration(minimum.hessian, rtol=rtol, max_matvecs=max_matvecs, seed=seed))


def eigenvalue_measurement(pairs: Eigenpairs, own: int | None = None, caveat: str = _BLIND_SPOT) -> Measurement:
    """Return the first of some eigenpairs as a measurement, with the products that it cost itself."""
    return Measurement(
        value=float(pairs.values[0]),
        error=float(pairs.residuals[0]),
        error_kind="bound",
        residual=float(pairs.residuals[0]),
        matvecs=pairs.matvecs if own is None else own,
        converged=pairs.converged,
        reason=pairs.reason,
        caveat=caveat,
    )


measures.register("top_eigenvalue", "largest algebraic Hessian eigenvalue, by Lanczos")(
    Measure(top_eigenvalue, "top eigenvalue", r"\lambda_{\max}", _BLIND_SPOT, "top eigenvalue", 8, keeps="eigenvalues")
)
measures.register("power_iteration_top_eigenvalue", "largest algebraic Hessian eigenvalue, by power iteration")(
    Measure(
        power_iteration_top_eigenvalue,
        "top eigenvalue (power iteration)",
        r"\lambda_{\max}^{\mathrm{PI}}",
        _BLIND_SPOT,
        "top eigenvalue",
        20,
    )
)
