"""How high a filter-normalised slice rises: what the plots of loss surfaces show, as one number."""

import numpy as np
import torch

from landscape.measures import Measurement
from landscape.minimum import Minimum
from landscape.randomness import derive_seed
from landscape.surfaces.filter_normalization import filter_normalize

SLICE = "filter_normalized_slice"
_DIRECTIONS = 8
_STEPS = (-1.0, -0.5, 0.5, 1.0)


def slice_rise(minimum: Minimum, *, seed: int = 0) -> Measurement:
    r"""Return the mean rise of the loss along random filter-normalised directions, at steps of 1/2 and 1 filter norm.

    Args:
        minimum: What to measure.
        seed: Of the directions, the same before and after a transformation.

    Returns:
        The mean over eight directions with its standard error.

    Cost:
        33 forward passes.

    Invariances:
        Rescaling of whole layers, to rounding. Not that of single neurons: the same random numbers are then another
        direction.

    References:
        Li et al. 2018, "Visualizing the loss landscape of neural nets", section 4.
    """
    problem, theta = minimum.problem, minimum.theta
    loss, rises = problem.loss(theta), []
    for index in range(_DIRECTIONS):
        generator = torch.Generator().manual_seed(derive_seed(seed, "slice direction", index))
        drawn = torch.randn(problem.num_parameters, generator=generator, dtype=torch.float64).to(theta)
        direction = filter_normalize(problem, drawn, theta)
        rises.append(np.mean([problem.loss(theta + step * direction) - loss for step in _STEPS]))
    return Measurement(
        value=float(np.mean(rises)),
        error=float(np.std(rises, ddof=1)) / len(rises) ** 0.5,
        error_kind="standard error",
        forward_passes=1 + _DIRECTIONS * len(_STEPS),
        converged=True,
        reason=f"{_DIRECTIONS} directions",
        caveat="A few random directions, and a size of steps that is a convention.",
    )
