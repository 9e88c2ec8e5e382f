"""The curvature of a set of examples along its own gradient, and batch sharpness by both definitions from many."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from landscape.problem import Problem


@dataclass(frozen=True)
class BatchSharpness:
    r"""Both definitions, each with its standard error over batches.

    Attributes:
        ratio_of_means: $E_B[g_B^\top H_B\, g_B] / E_B|g_B|^2$.
        ratio_of_means_error: To first order.
        mean_of_ratios: $E_B[g_B^\top H_B\, g_B / |g_B|^2]$, over the batches whose gradient is not zero.
        mean_of_ratios_error: Its standard error.
    """

    ratio_of_means: float
    ratio_of_means_error: float
    mean_of_ratios: float
    mean_of_ratios_error: float


def batch_curvature(problem: Problem, theta: Tensor, gradient: Tensor | None = None) -> tuple[float, float]:
    r"""Return $g^\top H g$ and $|g|^2$ of the loss over a problem's examples, by plain double backward.

    Args:
        problem: The examples of one batch; they go through in the problem's own parts.
        theta: The point, shape ``(n,)``.
        gradient: g there, where it is known.

    Cost:
        A gradient and a product, and another gradient where the examples are in several parts and ``gradient`` is not
        given; the memory of one part.
    """
    leaves = [each.clone().requires_grad_() for each in problem.unflatten(theta.detach())]
    parts = problem.batches()
    batch, share = next(parts)
    following = next(parts, None)
    if gradient is None and following is not None:
        gradient = problem.gradient(theta)
    curvature = 0.0
    while True:
        loss = share * problem.batch_loss(leaves, batch)
        first = torch.autograd.grad(loss, leaves, create_graph=True, materialize_grads=True)
        if gradient is None:
            gradient = problem.flatten([each.detach() for each in first]) + problem.weight_decay * theta.detach()
        along = torch.stack([(a * b).sum() for a, b in zip(first, problem.unflatten(gradient), strict=True)]).sum()
        if along.requires_grad:
            second = torch.autograd.grad(along, leaves, materialize_grads=True)
            product = problem.flatten([each.detach() for each in second])
            curvature += float(torch.dot(product.double(), gradient.double()))
        if following is None:
            break
        (batch, share), following = following, next(parts, None)
    square = float(gradient.double().square().sum())
    return curvature + problem.weight_decay * square, square


def estimated(pairs: Sequence[tuple[float, float]] | np.ndarray) -> BatchSharpness:
    """Return both definitions from what `batch_curvature` gave of each batch; of one batch, without scatter."""
    curvature, square = np.asarray(pairs, dtype=float).T
    count = len(square)
    if not square.any():
        return BatchSharpness(0.0, 0.0, 0.0, 0.0)
    ratio = float(curvature.sum() / square.sum())
    ratios = curvature[square > 0] / square[square > 0]
    # to first order the ratio of means scatters as the mean of what is left of the numerator
    left = float((curvature - ratio * square).std(ddof=1) / (math.sqrt(count) * square.mean())) if count > 1 else 0.0
    spread = float(ratios.std(ddof=1)) / math.sqrt(len(ratios)) if len(ratios) > 1 else 0.0
    return BatchSharpness(ratio, left, float(ratios.mean()), spread)
