"""The log determinant of the damped Hessian."""

from dataclasses import dataclass

import numpy as np
import torch

from landscape.errors import UsageError
from landscape.measures.measurement import Measure, Measurement
from landscape.measures.shared_lanczos import IN_WORDS, OperatorName, operator_of, shared_density, shared_quadrature
from landscape.minimum import Minimum
from landscape.registry import measures
from landscape.solvers.eigenpairs import rounding_of_products
from landscape.solvers.multiplied_out import multiply_out

_BLIND_SPOT = (
    "The volume of the basin on the scale of its damping: eigenvalues far below the damping count for nothing, and "
    "negative ones as zero."
)


@dataclass(frozen=True)
class _LogDet:
    """What is summed: log(1 + max(x, 0) / damping), at least 0, and 0 at 0."""

    damping: float

    def __call__(self, x: np.ndarray) -> np.ndarray:
        values: np.ndarray = np.log1p(np.maximum(x, 0.0) / self.damping)
        return values


def log_det(
    minimum: Minimum,
    *,
    seed: int = 0,
    rtol: float = 0.1,
    damping: float = 0.01,
    num_probes: int = 8,
    steps: int = 80,
    operator: OperatorName = "hessian",
) -> Measurement:
    r"""Return $\log\det(H_+ + \delta I) = \sum_i \log(\max(\lambda_i, 0) + \delta)$.

    Negative eigenvalues count as zero: with them the determinant of $H + \delta I$ changes sign or vanishes, and its
    logarithm says nothing of a basin. ``details`` has ``relative_to_damping``, the same less $n \log \delta$, which is
    $\log\det(I + H_+/\delta) \geq 0$ and what ``rtol`` refers to.

    Args:
        minimum: What to measure.
        seed: Of the random vectors.
        rtol: Tolerance of the error, relative to $\log\det(I + H_+/\delta)$.
        damping: $\delta$, in units of the curvature.
        num_probes: Random vectors, at most.
        steps: Lanczos steps for each.
        operator: ``"hessian"`` or ``"gauss_newton"``.

    Returns:
        The log determinant. Its error is the standard error over probes plus what the last quarter of the steps
        changes in the first quadrature; networks of no more parameters than products allowed are multiplied out.

    Raises:
        UsageError: If the damping is not positive.

    Cost:
        3 to 8 times 80 products, of which the first 80 are the run of the eigenvalues.

    Invariances:
        Permutation of neurons. None under rescaling of layers or neurons.

    References:
        Ubaru, Chen, Saad 2017, "Fast estimation of tr(f(A)) via stochastic Lanczos quadrature". As a measure: MacKay
        1992, "A practical Bayesian framework for backpropagation networks" (the Occam factor).
    """
    if not damping > 0:
        raise UsageError(f"damping must be positive; it is {damping}. 0.01 is a good start.")
    f, n = _LogDet(damping), minimum.problem.num_parameters
    if n <= num_probes * steps:
        return _exact(minimum, operator, f)
    density, own = shared_density(
        minimum, operator, num_probes=num_probes, steps=steps, rtol=rtol, seed=seed, function=f
    )
    mean, spread = density.mean(f)
    coarse, fine, more = shared_quadrature(minimum, operator, density.steps, seed)
    bias = abs(float(coarse.weights @ f(coarse.nodes) - fine.weights @ f(fine.nodes)))
    error = n * (spread + bias)
    return Measurement(
        value=n * (mean + float(np.log(damping))),
        error=error,
        error_kind="standard error",
        matvecs=own + more,
        converged=error <= rtol * n * mean,
        reason=f"{density.reason}; the last quarter of the steps changes it by {n * bias:.2g}",
        caveat=f"Of {IN_WORDS[operator]} damped by {damping:g}. {_BLIND_SPOT}",
        details={"damping": damping, "relative_to_damping": n * mean, "probes": len(density.nodes)},
    )


def _exact(minimum: Minimum, name: OperatorName, f: _LogDet) -> Measurement:
    operator = operator_of(minimum, name)
    values = torch.linalg.eigvalsh(multiply_out(operator)).numpy()
    rounding = rounding_of_products(operator.dtype, float(np.abs(values).max()))
    relative = float(f(values).sum())
    return Measurement(
        value=relative + len(values) * float(np.log(f.damping)),
        # how far a product's rounding can move each logarithm
        error=float((rounding / (np.maximum(values, 0) + f.damping)).sum()),
        error_kind="rounding",
        matvecs=len(values),
        converged=True,
        reason="multiplied out: exact to rounding",
        caveat=f"Of {IN_WORDS[name]} damped by {f.damping:g}. {_BLIND_SPOT}",
        details={"damping": f.damping, "relative_to_damping": relative},
    )


measures.register("log_det", "log determinant of the Hessian, damped; negative eigenvalues count as zero")(
    Measure(
        log_det,
        "log determinant",
        r"\log\det(H + \delta)",
        _BLIND_SPOT,
        "log determinant",
        240,
        sign=0,
        why_not="is a logarithm, of which no ratio can be taken",
        keeps="density",
    )
)
