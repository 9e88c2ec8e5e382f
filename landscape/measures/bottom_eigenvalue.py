"""The smallest algebraic eigenvalue of the Hessian."""

from landscape.measures.measurement import Measure, Measurement
from landscape.measures.shared_lanczos import extreme_eigenpairs
from landscape.measures.top_eigenvalue import eigenvalue_measurement
from landscape.minimum import Minimum
from landscape.registry import measures

_BLIND_SPOT = (
    "The most negative curvature only: that it is not zero says that training stopped short of a minimum, not how "
    "sharp the point is."
)


def bottom_eigenvalue(minimum: Minimum, *, seed: int = 0, rtol: float = 1e-3, max_matvecs: int = 200) -> Measurement:
    r"""Return $\lambda_{\min}(H)$, the smallest algebraic eigenvalue: the most negative one where there are such.

    Args:
        minimum: What to measure.
        seed: Of the start vector.
        rtol: Tolerance of the residual, relative to the value (which is then far better).
        max_matvecs: Most products.

    Cost:
        30 to 80 products on usual networks, of the run that finds the top eigenvalue too.

    Invariances:
        Permutation of neurons. None under rescaling of layers or neurons.

    References:
        Alain, Le Roux, Manzagol 2018, "Negative eigenvalues of the Hessian in deep neural networks".
    """
    pairs, own = extreme_eigenpairs(minimum, k=0, bottom=1, rtol=rtol, max_matvecs=max_matvecs, seed=seed)
    return eigenvalue_measurement(pairs, own, _BLIND_SPOT)


measures.register("bottom_eigenvalue", "smallest algebraic Hessian eigenvalue, by Lanczos")(
    Measure(
        bottom_eigenvalue,
        "bottom eigenvalue",
        r"\lambda_{\min}",
        _BLIND_SPOT,
        "bottom eigenvalue",
        60,
        sign=0,
        why_not="says how far the point is from a minimum rather than how sharp it is",
        keeps="eigenvalues",
    )
)
