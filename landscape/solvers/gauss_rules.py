"""What a Gauss quadrature tells of a distribution: a smoothed density and a cumulative share."""

import numpy as np

Array = np.ndarray


def smoothed(nodes: Array, weights: Array, at: Array, width: float) -> Array:
    """Return the sum of Gaussians around ascending nodes, as wide as ``width`` or as their neighbours are apart."""
    if len(nodes) == 0:
        return np.zeros(len(at))
    padded = np.concatenate([nodes[:1], nodes, nodes[-1:]])
    # two standard deviations from node to node leave a ripple of 1 % where nodes are evenly spaced
    widths = np.maximum(width, (padded[2:] - padded[:-2]) / 4)
    values: Array = np.exp(-0.5 * ((at[:, None] - nodes) / widths) ** 2) @ (weights / (widths * np.sqrt(2 * np.pi)))
    return values


def interpolated_share(nodes: Array, weights: Array, at: Array) -> Array:
    """Return the cumulative share of one quadrature, linear between the middles of its steps."""
    total = weights.sum()
    if len(nodes) == 0:
        return np.zeros(len(at))
    middle = np.cumsum(weights) - weights / 2
    value = np.interp(at, nodes, middle)
    return np.where(at < nodes[0], 0.0, np.where(at > nodes[-1], total, value))


def share_bounds(nodes: Array, weights: Array, at: Array) -> tuple[Array, Array]:
    """Return the least and the most cumulative share that one quadrature allows at each point.

    Between node k and the next, at least what stands before node k, and at most that with nodes k and k + 1.
    """
    steps = np.concatenate([[0.0], np.cumsum(weights)])
    index = np.searchsorted(nodes, at, side="right")
    return steps[np.maximum(index - 1, 0)], steps[np.minimum(index + 1, len(nodes))]
