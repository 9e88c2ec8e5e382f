"""Random Gaussian directions."""

import torch
from torch import Tensor

from landscape.problem import Problem
from landscape.randomness import derive_seed
from landscape.surfaces.direction import Direction
from landscape.surfaces.normalization import in_words, normalize


def gaussian_vectors(problem: Problem, count: int, seed: int, purpose: str = "slice direction") -> list[Tensor]:
    """Return Gaussian vectors, each orthogonal to those before, shape ``(n,)`` each; drawn from the seed alone."""
    found: list[Tensor] = []
    for index in range(count):
        generator = torch.Generator().manual_seed(derive_seed(seed, purpose, index))
        drawn = torch.randn(problem.num_parameters, generator=generator, dtype=torch.float64)
        v = drawn.to(problem.device, problem.dtype)
        for u in found:
            v = v - u * (u @ v) / (u @ u)
        found.append(v)
    return found


def gaussian_directions(
    problem: Problem,
    theta: Tensor,
    count: int,
    *,
    seed: int = 0,
    normalization: str = "filter",
    one_dimensional: str = "zero",
) -> list[Direction]:
    """Return random directions, orthogonal to each other before they are normalised.

    The Gaussian vectors follow from ``seed`` alone, so that two minima of one architecture are cut along the same
    ones; their normalisation follows from theta.

    Args:
        problem: Gives the shapes of the parameters.
        theta: The point, shape ``(n,)``.
        count: How many.
        seed: Of the draws.
        normalization: See `normalize`.
        one_dimensional: See `normalize`.

    References:
        Li et al. 2018, "Visualizing the loss landscape of neural nets".
    """
    how = f"Gaussian, seed {seed}, {in_words(normalization, one_dimensional)}"
    return [
        Direction(f"random {index + 1}", normalize(problem, v, theta, normalization, one_dimensional), how)
        for index, v in enumerate(gaussian_vectors(problem, count, seed))
    ]
