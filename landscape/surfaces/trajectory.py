"""Principal components of a training trajectory as directions."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from landscape.errors import UsageError
from landscape.surfaces.direction import Direction


@dataclass(frozen=True)
class Trajectory:
    """The plane that shows most of a training.

    Attributes:
        directions: Principal components, of length 1, largest variance first.
        coordinates: Of every checkpoint, from the last one, shape ``(checkpoints, dimensions)``.
        explained: Share of the variance of the checkpoints along each direction.
        distances: From each checkpoint to the plane, shape ``(checkpoints,)``; 0 for the last.
        null_explained: The same share for a random walk of as many steps, which is all but as large.
    """

    directions: tuple[Direction, ...]
    coordinates: np.ndarray
    explained: tuple[float, ...]
    distances: np.ndarray
    null_explained: tuple[float, ...]


def trajectory(thetas: Sequence[Tensor], dimensions: int = 2) -> Trajectory:
    r"""Return the principal components of $\theta_t - \theta_T$ over the checkpoints of a training.

    The components are those of the differences to the last checkpoint, not to the mean, so that the plane passes
    through the trained point.

    Args:
        thetas: The checkpoints in order, the trained one last, shape ``(n,)`` each.
        dimensions: How many components.

    Raises:
        UsageError: If there are fewer than three checkpoints (a plane), or they do not move.

    Pitfalls:
        A random walk in high dimension has two thirds and more of its variance in two components, and a smooth curve
        in them (Lissajous figures): compare with ``null_explained``.

    References:
        Li et al. 2018, "Visualizing the loss landscape of neural nets", section 7.
        Antognini and Sohl-Dickstein 2018, "PCA of high dimensional random walks".
    """
    least = dimensions + 1
    if len(thetas) < max(3, least):
        raise UsageError(
            f"A trajectory needs at least {max(3, least)} checkpoints; there are {len(thetas)}. Train with "
            f"--keep-checkpoints 20, or name more of them."
        )
    last = thetas[-1].double()
    moved = torch.stack([each.double() - last for each in thetas[:-1]])
    # the small Gram matrix instead of n x n: its eigenvectors give the same components
    values, vectors = torch.linalg.eigh(moved @ moved.T)
    values, vectors = values.flip(0).clamp_min(0), vectors.flip(1)
    total = float(values.sum())
    if total == 0 or float(values[dimensions - 1]) <= 1e-12 * total:
        raise UsageError("The checkpoints do not span a plane: they lie on one line. Name others.")
    directions = []
    for index in range(dimensions):
        v = moved.T @ vectors[:, index]
        v = v / v.norm() * v[v.abs().argmax()].sign()
        share = float(values[index]) / total
        how = f"principal component {index + 1} of {len(thetas)} checkpoints, {100 * share:.1f} % of their variance"
        directions.append(Direction(f"component {index + 1}", v.to(thetas[-1].dtype), how))
    basis = torch.stack([each.vector.double() for each in directions])
    places = torch.cat([moved @ basis.T, torch.zeros(1, dimensions, dtype=torch.float64)])
    squared = (moved.square().sum(1) - places[:-1].square().sum(1)).clamp_min(0)
    distances = torch.cat([squared.sqrt(), torch.zeros(1, dtype=torch.float64)])
    explained = tuple(float(value) / total for value in values[:dimensions])
    return Trajectory(tuple(directions), places.numpy(), explained, distances.numpy(), _null(len(thetas), dimensions))


def _null(count: int, dimensions: int) -> tuple[float, ...]:
    """Return the shares for a random walk in infinite dimension: the Gram matrix of its steps is known."""
    steps = np.arange(count - 1, 0, -1, dtype=np.float64)  # from checkpoint t to the last
    values = np.linalg.eigvalsh(np.minimum.outer(steps, steps))[::-1]
    return tuple(float(value) for value in values[:dimensions] / values.sum())
