"""Neurons of one minimum reordered to match those of another, which leaves its function as it is."""

from dataclasses import dataclass

import numpy as np
import torch
from scipy.optimize import linear_sum_assignment
from torch import Tensor, nn

from landscape.errors import ProblemError, UsageError
from landscape.models.vgg import GlobalMean
from landscape.problem import Problem
from landscape.randomness import derive_seed
from landscape.surfaces.point_evaluation import PointEvaluator

NORMS = (nn.BatchNorm1d, nn.BatchNorm2d)
ELEMENTWISE = (
    nn.ReLU, nn.Tanh, nn.GELU, nn.Sigmoid, nn.SiLU, nn.LeakyReLU, nn.ELU, nn.Softplus, nn.Identity, nn.Dropout,
    nn.MaxPool2d, nn.AvgPool2d, nn.AdaptiveAvgPool2d, nn.AdaptiveMaxPool2d, nn.Flatten, nn.Unflatten, GlobalMean,
)  # fmt: skip
SWEEPS = 100
SAME = 1e-4


@dataclass(frozen=True)
class Hidden:
    """The neurons of one hidden layer: which parameters have one row a neuron, and what reads them.

    Attributes:
        size: How many neurons.
        rows: Names of the parameters whose first index is the neuron.
        reader: Name of the next weight, whose second index is the neuron (or a block of pixels of it).
    """

    size: int
    rows: tuple[str, ...]
    reader: str


@dataclass(frozen=True)
class Alignment:
    """A reordered minimum.

    Attributes:
        theta: Its parameters in the new order, shape ``(n,)``: the same function.
        moved: How many neurons changed place.
        neurons: How many there are in hidden layers.
        distance_before: To the other minimum.
        distance: The same, after.
    """

    theta: Tensor
    moved: int
    neurons: int
    distance_before: float
    distance: float


def align(problem: Problem, reference: Tensor, theta: Tensor, *, seed: int = 0) -> Alignment:
    r"""Return theta with the neurons of every hidden layer permuted to lie as close to the reference as can be.

    Layer by layer, in random order and again until nothing changes, the permutation that maximises the inner product of
    the two minima given the other layers is found exactly (a linear assignment). The function does not change, which
    is checked.

    Args:
        problem: Feed-forward: ``nn.Sequential`` of linear and convolutional layers, BatchNorm, element-wise functions
            and pooling.
        reference: The other minimum, shape ``(n,)``.
        theta: What is permuted, shape ``(n,)``.
        seed: Of the order of the layers.

    Raises:
        UsageError: If the network is of another kind.
        ProblemError: If the loss changed.

    References:
        Ainsworth, Hayase, Srinivasa 2023, "Git Re-Basin: merging models modulo permutation symmetries", algorithm 1.
    """
    layers = hidden_layers(problem.model)
    fixed, moving = (_named(problem, each) for each in (reference, theta))
    orders = [np.arange(layer.size) for layer in layers]
    generator = np.random.default_rng(derive_seed(seed, "order of alignment"))
    for _ in range(SWEEPS):
        changed = False
        for index in generator.permutation(len(layers)):
            gains = _gains(layers, orders, int(index), fixed, moving)
            _, best = linear_sum_assignment(gains, maximize=True)
            rows = np.arange(len(best))
            if gains[rows, best].sum() > gains[rows, orders[index]].sum() + 1e-9 * np.abs(gains).max():
                orders[index], changed = best, True
        if not changed:
            break
    aligned = problem.flatten([_permuted(name, each, layers, orders) for name, each in moving.items()])
    _check_same_function(problem, theta, aligned)
    return Alignment(
        aligned,
        sum(int((order != np.arange(len(order))).sum()) for order in orders),
        sum(layer.size for layer in layers),
        float((theta - reference).double().norm()),
        float((aligned - reference).double().norm()),
    )


def hidden_layers(model: nn.Module) -> list[Hidden]:
    """Return the hidden layers of a feed-forward network in order.

    Raises:
        UsageError: If a module is of a kind whose neurons cannot be told.
    """
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    found: list[Hidden] = []
    size, rows = 0, list[str]()
    for module in _chain(model):
        if isinstance(module, nn.Linear | nn.Conv2d) and getattr(module, "groups", 1) == 1:
            if rows:
                found.append(Hidden(size, tuple(rows), names[id(module.weight)]))
            size, rows = len(module.weight), [names[id(each)] for each in module.parameters()]
        elif isinstance(module, NORMS):
            if not rows:
                raise UsageError("The network normalises its inputs: its neurons cannot be aligned. Leave out --align.")
            rows += [names[id(each)] for each in module.parameters()]
        elif not isinstance(module, ELEMENTWISE):
            raise UsageError(
                f"Neurons are aligned in feed-forward networks (Sequential of Linear, Conv2d, BatchNorm and "
                f"element-wise layers); this one has a {type(module).__name__}. Leave out --align."
            )
    return found


def _chain(module: nn.Module) -> list[nn.Module]:
    if isinstance(module, nn.Sequential):
        return [each for child in module for each in _chain(child)]
    return [module]


def _named(problem: Problem, theta: Tensor) -> dict[str, Tensor]:
    return {
        name: each.detach().double().cpu()
        for name, each in zip(problem.parameter_names, problem.unflatten(theta), strict=True)
    }


def _permuted(name: str, tensor: Tensor, layers: list[Hidden], orders: list[np.ndarray], skip: int = -1) -> Tensor:
    """Return a parameter with all its neurons in their new order, but for one layer's."""
    for index, (layer, order) in enumerate(zip(layers, orders, strict=True)):
        if index != skip and name in layer.rows:
            tensor = tensor[torch.from_numpy(order)]
        if index != skip and name == layer.reader:
            blocks = tensor.reshape(len(tensor), layer.size, -1)[:, torch.from_numpy(order)]
            tensor = blocks.reshape(tensor.shape)
    return tensor


def _gains(
    layers: list[Hidden], orders: list[np.ndarray], index: int, fixed: dict[str, Tensor], moving: dict[str, Tensor]
) -> np.ndarray:
    """Return the inner products of every neuron of the reference with every neuron that could take its place."""
    layer = layers[index]
    total = torch.zeros(layer.size, layer.size, dtype=torch.float64)
    for name in layer.rows:
        other = _permuted(name, moving[name], layers, orders, skip=index)
        total += fixed[name].reshape(layer.size, -1) @ other.reshape(layer.size, -1).T
    other = _permuted(layer.reader, moving[layer.reader], layers, orders, skip=index)
    a, b = (each.reshape(len(each), layer.size, -1).transpose(0, 1).flatten(1) for each in (fixed[layer.reader], other))
    gains: np.ndarray = (total + a @ b.T).numpy()
    return gains


def _check_same_function(problem: Problem, before: Tensor, after: Tensor) -> None:
    # BatchNorm's running statistics are not part of theta, so those of the batch are taken
    evaluator = PointEvaluator({"train": problem}, statistics="batch")
    old, new = (each["train"].loss for each in evaluator([before, after]))
    if abs(new - old) > SAME * max(abs(old), SAME):
        raise ProblemError(
            f"Permuting neurons changed the loss from {old:.6g} to {new:.6g}: this network's layers are joined in "
            f"another way than it seems. Leave out --align."
        )
