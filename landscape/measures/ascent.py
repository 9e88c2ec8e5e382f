"""The largest rise of the loss within a convex set, by first-order ascent from several starts."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from landscape.measures.perturbed_loss import PerturbedLoss

_HALVINGS = 6


@dataclass(frozen=True)
class Ascent:
    """What one start has come to.

    Attributes:
        value: The rise at the end: never less than at the start.
        gap: What a linear function of the gradient there still promises within the set.
        steps: Gradients taken.
    """

    value: float
    gap: float
    steps: int


@dataclass(frozen=True)
class Maximum:
    """The best of several starts.

    Attributes:
        value: The rise there: a lower bound of the maximum.
        gap: The larger of what the gradient there still promises and the distance to the second best start.
        starts: The rise that each start ended at.
        first_order_gap: What the gradient at the best point still promises.
    """

    value: float
    gap: float
    starts: tuple[float, ...]
    first_order_gap: float


def ascend(loss: PerturbedLoss, farthest: Callable[[Tensor], Tensor], start: Tensor, steps: int, rtol: float) -> Ascent:
    r"""Return the rise that Frank-Wolfe steps reach from a start within a convex set.

    Each step goes towards the point of the set furthest along the gradient: all the way, or half, a quarter ... of it,
    as far as the loss rises. For a convex loss all the way is never too far, and on a quadratic one in an l2 ball this
    is the power method.

    Args:
        loss: The rise as a function of the perturbation.
        farthest: A gradient to the point of the set that is furthest along it.
        start: A point of the set, shape ``(n,)``, float64.
        steps: Most gradients.
        rtol: Stop when what the gradient promises is at most this part of the rise.

    References:
        Journee, Nesterov, Richtarik, Sepulchre 2010, "Generalized power method for sparse principal component
        analysis", section 3. Frank and Wolfe 1956.
    """
    delta = start
    value, gradient = loss.with_gradient(delta)
    step = 0
    while True:
        step += 1
        target = farthest(gradient)
        gap = max(0.0, float(torch.dot(gradient.double(), target - delta)))
        if gap <= rtol * abs(value) or step >= steps:
            return Ascent(value, gap, step)
        for halving in range(_HALVINGS):
            candidate = delta + (target - delta) * 0.5**halving
            found, slope = loss.with_gradient(candidate)
            if found > value:
                delta, value, gradient = candidate, found, slope
                break
        else:
            return Ascent(value, gap, step)


def best_of(ascents: Sequence[Ascent]) -> Maximum:
    """Return the best of several ascents, with what it may have missed."""
    order = sorted(ascents, key=lambda each: -each.value)
    apart = order[0].value - order[1].value if len(order) > 1 else 0.0
    return Maximum(order[0].value, max(order[0].gap, apart), tuple(each.value for each in ascents), order[0].gap)
