"""How long a direction is, so that slices of different networks can be compared."""

from collections.abc import Callable

import torch
from torch import Tensor

from landscape.errors import UsageError, suggest
from landscape.problem import Problem
from landscape.surfaces.filter_normalization import filter_normalize

ONE_DIMENSIONAL = {
    "zero": "biases and normalisation parameters do not move",
    "keep": "biases and normalisation parameters move too, each with the norm of its own vector",
}


def layer_normalize(problem: Problem, direction: Tensor, theta: Tensor) -> Tensor:
    """Return a direction each weight tensor of which has the norm of that tensor of theta, shape ``(n,)``.

    One-dimensional parameters (biases, normalisation) are set to zero.

    Args:
        problem: Gives the shapes of the parameters.
        direction: Shape ``(n,)``.
        theta: The point, shape ``(n,)``.

    Invariances:
        The slice does not change under rescaling of whole layers.

    References:
        Li et al. 2018, "Visualizing the loss landscape of neural nets", section 4 and appendix.
    """
    pieces = zip(problem.unflatten(direction), problem.unflatten(theta), strict=True)
    return problem.flatten([_scaled(d, w) if w.ndim > 1 else torch.zeros_like(d) for d, w in pieces])


def global_normalize(problem: Problem, direction: Tensor, theta: Tensor) -> Tensor:
    """Return the direction with the norm of theta as a whole, shape ``(n,)``; every parameter moves."""
    return _scaled(direction, theta)


def unit_normalize(problem: Problem, direction: Tensor, theta: Tensor) -> Tensor:
    """Return the direction with length 1, shape ``(n,)``: a coordinate is then a distance."""
    unit: Tensor = direction / direction.norm()
    return unit


NORMALIZATIONS: dict[str, Callable[[Problem, Tensor, Tensor], Tensor]] = {
    "filter": filter_normalize,
    "layer": layer_normalize,
    "global": global_normalize,
    "none": unit_normalize,
}


def normalize(
    problem: Problem, direction: Tensor, theta: Tensor, how: str = "filter", one_dimensional: str = "zero"
) -> Tensor:
    """Return a direction with a length that means something, shape ``(n,)``.

    Args:
        problem: Gives the shapes of the parameters.
        direction: Shape ``(n,)``.
        theta: The point, shape ``(n,)``.
        how: ``"filter"``, ``"layer"``, ``"global"`` or ``"none"`` (length 1).
        one_dimensional: With filter and layer: ``"zero"`` leaves biases and normalisation parameters where they are,
            ``"keep"`` moves them too, each tensor with the norm that it has in theta.

    Raises:
        UsageError: If there is no such normalisation.
    """
    if how not in NORMALIZATIONS:
        raise UsageError(
            f"There is no normalisation {how!r}.{suggest(how, NORMALIZATIONS)} Known: {', '.join(NORMALIZATIONS)}."
        )
    if one_dimensional not in ONE_DIMENSIONAL:
        raise UsageError(f"One-dimensional parameters can be zero or keep, not {one_dimensional!r}. Choose one.")
    scaled = NORMALIZATIONS[how](problem, direction, theta)
    if one_dimensional == "zero" or how in ("global", "none"):
        return scaled
    triples = zip(problem.unflatten(scaled), problem.unflatten(direction), problem.unflatten(theta), strict=True)
    return problem.flatten([_scaled(d, w) if w.ndim < 2 else s for s, d, w in triples])


def in_words(how: str, one_dimensional: str) -> str:
    """Return what a normalisation does, in words."""
    if how in ("global", "none"):
        return "as long as the weights as a whole" if how == "global" else "of length 1"
    return f"{how}-normalised; {ONE_DIMENSIONAL[one_dimensional]}"


def _scaled(d: Tensor, w: Tensor) -> Tensor:
    norm = d.norm()
    scaled: Tensor = d * (w.norm() / torch.where(norm > 0, norm, 1.0))
    return scaled
