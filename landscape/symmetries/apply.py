"""Rescaling and permuting the neurons of a network."""

import copy

import numpy as np
import torch
from torch import Tensor

from landscape.problem import Problem
from landscape.symmetries.neurons import Neurons, NormalizedLayer, Place


def rescaled(problem: Problem, theta: Tensor, neurons: Neurons, log_scales: np.ndarray) -> Tensor:
    r"""Return theta with $\theta_i \to \theta_i\, e^{z[\text{up}_i] - z[\text{down}_i]}$, shape ``(n,)``.

    Args:
        problem: Whose parameters.
        theta: The point, shape ``(n,)``.
        neurons: As `find_neurons` gives them.
        log_scales: z, shape ``(neurons.count,)``; the function stays as it is where z is zero at label 0 and at those
            of the outputs.
    """
    pieces = []
    for index, piece in enumerate(problem.unflatten(theta)):
        if index in neurons.scales:
            own = neurons.scales[index]
            factor = torch.from_numpy(np.exp(log_scales[own.up] - log_scales[own.down]))
            piece = (piece.double() * factor.to(piece.device)).to(piece.dtype)
        pieces.append(piece)
    return problem.flatten(pieces)


def permuted(problem: Problem, theta: Tensor, neurons: Neurons, seed: int) -> tuple[Problem, Tensor]:
    """Return the problem and point with the neurons of each interchangeable group in a random order.

    Args:
        problem: Its model is copied where a BatchNorm's statistics have to move along.
        theta: The point, shape ``(n,)``.
        neurons: As `find_neurons` gives them.
        seed: Of the order.
    """
    generator = np.random.default_rng(seed)
    goes_to: dict[int, int] = {}
    for group in neurons.interchangeable:
        goes_to |= dict(zip(group.tolist(), generator.permutation(group).tolist(), strict=True))
    pieces = [each.clone() for each in problem.unflatten(theta)]
    buffers: dict[str, Tensor] = {}
    held = dict(problem.model.named_buffers())
    for place in neurons.places:
        order = torch.from_numpy(_order(place, goes_to))
        if place.parameter is not None:
            pieces[place.parameter] = pieces[place.parameter].index_select(place.axis, order.to(theta.device))
        else:
            buffers[place.buffer] = held[place.buffer].index_select(0, order.to(held[place.buffer].device))
    return with_buffers(problem, buffers), problem.flatten(pieces)


def normalized_layer_rescaled(
    problem: Problem, theta: Tensor, layer: NormalizedLayer, factor: float
) -> tuple[Problem, Tensor]:
    r"""Return the problem and point with a layer before a BatchNorm multiplied by a factor.

    Its running mean becomes $\alpha\mu$ and its running variance $\alpha^2(\sigma^2 + \epsilon) - \epsilon$, which for
    $\epsilon \to 0$ is what more data would make of them: the function stays as it is.

    Args:
        problem: Its model is copied.
        theta: The point, shape ``(n,)``.
        layer: Which.
        factor: At least 1, so that no variance gets negative.
    """
    pieces = [each.clone() for each in problem.unflatten(theta)]
    for index in (layer.weight, layer.bias):
        if index is not None:
            pieces[index] *= factor
    module = problem.model.get_submodule(layer.batch_norm)
    eps = float(module.eps)  # type: ignore[arg-type]
    mean, variance = module.get_buffer("running_mean"), module.get_buffer("running_var")
    moved = {"running_mean": factor * mean, "running_var": factor**2 * (variance + eps) - eps}
    buffers = {f"{layer.batch_norm}.{name}": each for name, each in moved.items()}
    return with_buffers(problem, buffers), problem.flatten(pieces)


def at_parameters(problem: Problem, theta: Tensor) -> Problem:
    """Return the problem of a copy of the model whose own parameters are theta."""
    model = copy.deepcopy(problem.model)
    parameters = dict(model.named_parameters())
    with torch.no_grad():
        for name, piece in zip(problem.parameter_names, problem.unflatten(theta), strict=True):
            parameters[name].copy_(piece)
    return problem.with_model(model)


def with_buffers(problem: Problem, buffers: dict[str, Tensor]) -> Problem:
    """Return the problem of a copy of the model with other buffers; the problem itself where there are none."""
    if not buffers:
        return problem
    model = copy.deepcopy(problem.model)
    for name, each in model.named_buffers():
        if name in buffers:
            each.copy_(buffers[name])
    return problem.with_model(model)


def _order(place: Place, goes_to: dict[int, int]) -> np.ndarray:
    """Return where each element along an axis is taken from."""
    at: dict[int, list[int]] = {}
    for position, label in enumerate(place.labels.tolist()):
        at.setdefault(label, []).append(position)
    order = np.arange(len(place.labels))
    for label, positions in at.items():
        order[positions] = at[goes_to.get(label, label)]
    return order
