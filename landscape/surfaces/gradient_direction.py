"""The gradient, and the step that an optimizer would take, as directions."""

from torch import Tensor

from landscape.minimum import Minimum
from landscape.problem import Problem
from landscape.surfaces.direction import Direction


def gradient_direction(problem: Problem, theta: Tensor, *, length: float = 1.0) -> Direction:
    """Return the direction of steepest descent over all examples, minus the gradient, of the given length."""
    g = problem.gradient(theta)
    norm = float(g.double().norm())
    how = f"minus the gradient (norm {norm:.3g}), scaled to length {length:.3g}"
    return Direction("descent", -g * (length / norm) if norm else g, how)


def update_direction(minimum: Minimum, *, length: float = 1.0) -> Direction:
    r"""Return the direction in which Adam or RMSProp would go from here, $-P^{-1} g$, of the given length.

    P is the preconditioner of the minimum's second moment; without one the update is that of gradient descent,
    and the direction's ``how`` says so.
    """
    g, moment = minimum.gradient, minimum.second_moment
    if moment is None:
        return gradient_direction(minimum.problem, minimum.theta, length=length)
    correction = 1 - moment.beta2**moment.step if moment.step else 1.0
    step = -g / ((moment.value / correction).sqrt() + moment.eps)
    norm = float(step.double().norm())
    how = f"minus the preconditioned gradient ({moment.source}), scaled to length {length:.3g}"
    return Direction("update", step * (length / norm) if norm else step, how)
