"""Neurons of one minimum reordered to match those of another, which leaves its function as it is."""

from dataclasses import dataclass

import numpy as np
import torch
from scipy.optimize import linear_sum_assignment
from torch import Tensor

from landscape.errors import ProblemError, UsageError
from landscape.problem import Problem
from landscape.randomness import derive_seed
from landscape.surfaces.neuron_groups import Neurons, neuron_groups
from landscape.surfaces.point_evaluation import PointEvaluator

SWEEPS = 100
SAME = 1e-4


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
    r"""Return theta with the neurons of every group permuted to lie as close to the reference as can be.

    Group by group, in random order and again until nothing changes, the permutation that maximises the inner product of
    the two minima given the others is found exactly (a linear assignment). The function does not change, which
    is checked.

    Args:
        problem: Of a network that `neuron_groups` knows: ``nn.Sequential`` of linear and convolutional layers,
            BatchNorm, element-wise functions and pooling, or a ResNet of this package, whose skip connections tie
            the channels of several blocks together.
        reference: The other minimum, shape ``(n,)``.
        theta: What is permuted, shape ``(n,)``.
        seed: Of the order of the groups.

    Raises:
        UsageError: If the network is of another kind.
        ProblemError: If the loss changed.

    References:
        Ainsworth, Hayase, Srinivasa 2023, "Git Re-Basin: merging models modulo permutation symmetries", algorithm 1.
    """
    groups = neuron_groups(problem.model)
    fixed, moving = (_named(problem, each) for each in (reference, theta))
    _check_all_known(groups, moving)
    orders = [np.arange(group.size) for group in groups]
    generator = np.random.default_rng(derive_seed(seed, "order of alignment"))
    for _ in range(SWEEPS):
        changed = False
        for index in generator.permutation(len(groups)):
            gains = _gains(groups, orders, int(index), fixed, moving)
            _, best = linear_sum_assignment(gains, maximize=True)
            rows = np.arange(len(best))
            if gains[rows, best].sum() > gains[rows, orders[index]].sum() + 1e-9 * np.abs(gains).max():
                orders[index], changed = best, True
        if not changed:
            break
    aligned = problem.flatten([_permuted(name, each, groups, orders) for name, each in moving.items()])
    _check_same_function(problem, theta, aligned)
    return Alignment(
        aligned,
        sum(int((order != np.arange(len(order))).sum()) for order in orders),
        sum(group.size for group in groups),
        float((theta - reference).double().norm()),
        float((aligned - reference).double().norm()),
    )


def _named(problem: Problem, theta: Tensor) -> dict[str, Tensor]:
    return {
        name: each.detach().double().cpu()
        for name, each in zip(problem.parameter_names, problem.unflatten(theta), strict=True)
    }


def _check_all_known(groups: list[Neurons], moving: dict[str, Tensor]) -> None:
    missing = {place.name for group in groups for place in group.places} - set(moving)
    if missing:
        raise UsageError(f"{min(missing)} is not among the parameters that are measured. Leave out --align.")


def _permuted(name: str, tensor: Tensor, groups: list[Neurons], orders: list[np.ndarray], skip: int = -1) -> Tensor:
    """Return a parameter with all its neurons in their new order, but for one group's."""
    for index, (group, order) in enumerate(zip(groups, orders, strict=True)):
        for place in group.places:
            if index != skip and place.name == name:
                tensor = place.permuted(tensor, order)
    return tensor


def _gains(
    groups: list[Neurons], orders: list[np.ndarray], index: int, fixed: dict[str, Tensor], moving: dict[str, Tensor]
) -> np.ndarray:
    """Return the inner products of every neuron of the reference with every neuron that could take its place."""
    group = groups[index]
    total = torch.zeros(group.size, group.size, dtype=torch.float64)
    for place in group.places:
        other = _permuted(place.name, moving[place.name], groups, orders, skip=index)
        total += place.vectors(fixed[place.name]) @ place.vectors(other).T
    gains: np.ndarray = total.numpy()
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
