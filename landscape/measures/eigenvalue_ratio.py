"""The most negative eigenvalue against the largest one."""

from landscape.measures.measurement import Measure, Measurement
from landscape.measures.shared_lanczos import extreme_eigenpairs
from landscape.minimum import Minimum
from landscape.registry import measures

_BLIND_SPOT = (
    "The two ends of the spectrum against each other: a point can be as close to a minimum as another and many times "
    "sharper."
)


def eigenvalue_ratio(minimum: Minimum, *, seed: int = 0, rtol: float = 1e-3, max_matvecs: int = 200) -> Measurement:
    r"""Return $|\lambda_{\min} / \lambda_{\max}|$: how convex the surface is, 0 where it is.

    Args:
        minimum: What to measure.
        seed: Of the start vector.
        rtol: Tolerance of each residual, relative to its eigenvalue.
        max_matvecs: Most products.

    Returns:
        The ratio; its error is what the two residuals make of it to first order,
        $(r_{\min} + |\lambda_{\min}/\lambda_{\max}|\, r_{\max})/|\lambda_{\max}|$.

    Cost:
        30 to 80 products, of the run that finds the two eigenvalues too.

    Invariances:
        Permutation of neurons; multiplying the loss by a number.

    References:
        Li, Xu, Taylor, Studer, Goldstein 2018, "Visualizing the loss landscape of neural nets", section 6.
    """
    pairs, own = extreme_eigenpairs(minimum, k=1, bottom=1, rtol=rtol, max_matvecs=max_matvecs, seed=seed)
    top, bottom = float(pairs.values[0]), float(pairs.values[-1])
    if top == 0:
        return Measurement(None, matvecs=own, reason="the largest eigenvalue is zero", caveat=_BLIND_SPOT)
    ratio = abs(bottom / top)
    return Measurement(
        value=ratio,
        error=float(pairs.residuals[-1] + ratio * pairs.residuals[0]) / abs(top),
        error_kind="bound",
        matvecs=own,
        converged=pairs.converged,
        reason=pairs.reason,
        caveat=_BLIND_SPOT,
        details={"top_eigenvalue": top, "bottom_eigenvalue": bottom},
    )


measures.register("eigenvalue_ratio", "|smallest / largest| Hessian eigenvalue: how convex the surface is")(
    Measure(
        eigenvalue_ratio,
        "eigenvalue ratio",
        r"|\lambda_{\min} / \lambda_{\max}|",
        _BLIND_SPOT,
        "eigenvalue ratio",
        60,
        sign=0,
        why_not="compares the two ends of one spectrum and is no sharpness",
        keeps="eigenvalues",
    )
)
