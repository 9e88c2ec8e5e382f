"""A step of an optimizer on a quadratic with its preconditioner held still: five numbers."""

from dataclasses import dataclass


@dataclass(frozen=True)
class LinearStep:
    r"""What one step does along an eigenvector of $P^{-1}(H + \text{weight\_decay}\,I)$.

    $$m' = b\,m + c\,P^{-1}g, \qquad \theta' = s\,\theta - a\,P^{-1}g - d\,m',$$

    with P the optimizer's preconditioner (the identity where it has none) and g the gradient with coupled weight
    decay added. Corrections of the first moment's bias are left out: they are gone after some tens of steps.

    Args:
        direct: a, the weight of the gradient itself.
        momentum: d, the weight of the momentum after it has taken in the gradient.
        decay: b, of the momentum.
        intake: c, the weight of the gradient in the momentum.
        keep: s, what decoupled weight decay leaves of the parameters.
        weight_decay: Coupled weight decay, part of g.
    """

    direct: float
    momentum: float = 0.0
    decay: float = 0.0
    intake: float = 1.0
    keep: float = 1.0
    weight_decay: float = 0.0
