"""Batch sharpness: the curvature of mini-batches along their own gradients."""

import math

from torch import Tensor

from landscape.measures.batch_curvature import BatchSharpness, batch_curvature, estimated
from landscape.problem import Problem
from landscape.randomness import derive_seed


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
    if batch_size >= problem.num_examples:
        pairs = [batch_curvature(problem, theta, gradient)]
    else:
        drawn = (derive_seed(seed, f"batch sharpness {index}", number) for number in range(batches))
        pairs = [batch_curvature(problem.subset(batch_size, each), theta) for each in drawn]
    usable = all(math.isfinite(curvature) and square > 0 for curvature, square in pairs)
    return estimated(pairs) if usable else None
