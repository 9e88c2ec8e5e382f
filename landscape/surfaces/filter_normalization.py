"""Directions whose size means the same for every filter."""

import torch
from torch import Tensor

from landscape.problem import Problem


def filter_normalize(problem: Problem, direction: Tensor, theta: Tensor) -> Tensor:
    r"""Return a direction each filter of which has the norm of that filter of theta, shape ``(n,)``.

    $$d_{ij} \leftarrow \frac{d_{ij}}{|d_{ij}|} |\theta_{ij}|$$

    for filter j (first index of the weight) of layer i. One-dimensional parameters (biases, normalisation) are
    set to zero: their scale says nothing about the function's sensitivity.

    Args:
        problem: Gives the shapes of the parameters.
        direction: Shape ``(n,)``.
        theta: The minimum, shape ``(n,)``.

    Invariances:
        The slice does not change under rescaling of whole layers; under rescaling of single neurons it does.

    References:
        Li et al. 2018, "Visualizing the loss landscape of neural nets", section 4.
    """
    pieces = zip(problem.unflatten(direction), problem.unflatten(theta), strict=True)
    return problem.flatten([_normalize(d, weight) for d, weight in pieces])


def _normalize(direction: Tensor, weight: Tensor) -> Tensor:
    if weight.ndim < 2:
        return torch.zeros_like(direction)
    d, w = direction.flatten(1), weight.flatten(1)
    norms = d.norm(dim=1, keepdim=True)
    scale = w.norm(dim=1, keepdim=True) / torch.where(norms > 0, norms, 1.0)
    return d.mul(scale).view_as(weight)
