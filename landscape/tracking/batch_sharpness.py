"""Batch sharpness: the curvature of mini-batches along their own gradients."""

from dataclasses import dataclass

import numpy as np
from torch import Tensor

from landscape.operators.hessian_products import KINDS
from landscape.problem import Problem
from landscape.randomness import derive_seed


@dataclass(frozen=True)
class BatchSharpness:
    """Both definitions, each with its standard error over batches."""

    ratio_of_means: float
    ratio_of_means_error: float
    mean_of_ratios: float
    mean_of_ratios_error: float


def batch_sharpness(
    problem: Problem, theta: Tensor, gradient: Tensor, *, batch_size: int, batches: int, seed: int, index: int
) -> BatchSharpness | None:
    r"""Return $E[g_B^\top H_B g_B]/E|g_B|^2$ and $E[g_B^\top H_B g_B/|g_B|^2]$; None where a gradient is zero.

    Args:
        problem: Whose examples the batches are drawn from, each without replacement.
        theta: The point, shape ``(n,)``.
        gradient: Over all examples, which is that of the only batch where ``batch_size`` is all of them.
        batch_size: Examples a batch.
        batches: How many to draw.
        seed: Of the draw.
        index: Of the draw too, such as the number of the step.

    Cost:
        A gradient and a product with the Hessian for each batch, on its own examples.

    References:
        Andreyev & Beneventano 2024, "Edge of stochastic stability", definition 1 (ratio of means).
    """
    whole = batch_size >= problem.num_examples
    pairs = []
    for number in range(1 if whole else batches):
        chosen = problem
        if not whole:
            chosen = problem.subset(batch_size, derive_seed(seed, f"batch sharpness {index}", number))
        g = gradient if whole else chosen.gradient(theta)
        pairs.append((_curvature_along(chosen, theta, g), float(g.double().square().sum())))
    curvature, squares = np.array(pairs).T
    if not np.isfinite(curvature).all() or (squares <= 0).any():
        return None
    ratios = curvature / squares
    count = len(pairs)
    if count == 1:
        return BatchSharpness(float(ratios[0]), 0.0, float(ratios[0]), 0.0)
    left_out = (curvature.sum() - curvature) / (squares.sum() - squares)
    jackknife = float(np.sqrt((count - 1) * np.var(left_out)))
    own = float(np.std(ratios, ddof=1) / np.sqrt(count))
    return BatchSharpness(float(curvature.sum() / squares.sum()), jackknife, float(ratios.mean()), own)


def _curvature_along(problem: Problem, theta: Tensor, g: Tensor) -> float:
    """Return g'Hg by plain double backward."""
    leaves = [each.clone().requires_grad_() for each in problem.unflatten(theta)]
    pieces, total = problem.unflatten(g), 0.0
    for batch, share in problem.batches():
        product = KINDS["double backward"](problem, leaves, batch).product(pieces)
        total += share * float(product.double() @ g.double())
    return total
