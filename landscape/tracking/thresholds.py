r"""The largest curvature at which a step does not diverge on a quadratic: closed forms.

Each is exact for a quadratic whose preconditioner stands still, which is what "edge of stability" speaks of.
"""

import math

from landscape.training.linear_step import LinearStep


def stable_curvature(step: LinearStep) -> float:
    r"""Return the largest eigenvalue of $P^{-1}(H + \text{weight\_decay}\,I)$ at which a step does not diverge.

    Along an eigenvector the step is a matrix of order two with trace $s + b - \lambda(a + dc)$ and determinant
    $b(s - a\lambda)$. For a, d not negative and b, s from 0 to 1, both of its eigenvalues are within the unit circle
    if and only if $\lambda < (1 + s)(1 + b)/(a(1 + b) + dc)$. Special cases, with learning rate $\eta$:

    - gradient descent $2/\eta$; heavy ball $(2 + 2b)/\eta$; Nesterov as in torch $(2 + 2b)/((1 + 2b)\eta)$;
    - Adam $(2 + 2\beta_1)/((1 - \beta_1)\eta)$; with decoupled weight decay w $(2 - \eta w)(1 + \beta_1)/((1 -
      \beta_1)\eta)$; RMSProp $2/\eta$.

    Args:
        step: What a step does.

    Returns:
        The threshold.

    References:
        Cohen et al. 2021, "Gradient descent on neural networks typically occurs at the edge of stability", appendix B;
        Cohen et al. 2022, "Adaptive gradient methods at the edge of stability", section 3.
    """
    a, d, b, c, s = step.direct, step.momentum, step.decay, step.intake, step.keep
    return (1 + s) * (1 + b) / (a * (1 + b) + d * c)


def sharpness_aware_curvature(limit: float, radius: float) -> float:
    r"""Return the $\lambda$ at which $\lambda(1 + \rho\lambda)$ is ``limit``: SAM's threshold around a base's.

    Args:
        limit: What the base optimizer bears.
        radius: $\rho$; for normalised SAM $\rho/|\nabla L|$.

    References:
        Long & Bartlett 2024, "Sharpness-aware minimization and the edge of stability", section 2.
    """
    if radius == 0:
        return limit
    # without cancellation where the radius is small
    return 2 * limit / (1 + math.sqrt(1 + 4 * radius * limit))


def clip_factor(gradient_norm: float, clip_norm: float | None) -> float:
    """Return what clipping multiplies a gradient of this norm by: the curvature it shows to the optimizer too."""
    return 1.0 if clip_norm is None or gradient_norm <= clip_norm else clip_norm / gradient_norm
