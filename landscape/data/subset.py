"""Which examples of a pool are trained on."""

import torch

from landscape.data.source import Subset
from landscape.errors import UsageError
from landscape.randomness import derive_seed


def choose(y: torch.Tensor, num_examples: int | None, num_classes: int | None, rule: Subset, seed: int) -> torch.Tensor:
    """Return the indices of the training examples, in the order in which they lie in the pool.

    Args:
        y: The targets of the pool ``(N,)`` or ``(N, outputs)``.
        num_examples: How many to take; None takes all.
        num_classes: How many classes there are; None for regression.
        rule: ``"first"`` takes the first ones, ``"balanced"`` equally many of each class, drawn at random: their
            numbers differ by at most one, except for classes of which there are not enough.
        seed: A smaller subset of the same seed is part of a larger one.

    Raises:
        UsageError: If there are no such examples.
    """
    if num_examples is None:
        return torch.arange(len(y))
    if not 1 <= num_examples <= len(y):
        raise UsageError(
            f"Cannot train on {num_examples} examples: there are {len(y)}. Give --train-examples from 1 to {len(y)}."
        )
    if rule == "first":
        return torch.arange(num_examples)
    if num_classes is None:
        raise UsageError("A balanced subset needs classes, and this is regression. Give subset='first'.")
    return _balanced(y, num_examples, num_classes, seed)


def _balanced(y: torch.Tensor, num_examples: int, num_classes: int, seed: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(derive_seed(seed, "training subset"))
    turn = torch.randperm(num_classes, generator=generator)
    # Deal the examples out like cards: the first of every class, then the second of every class, and so on.
    place = torch.empty(len(y), dtype=torch.int64)
    for label in range(num_classes):
        members = (y == label).nonzero()[:, 0]
        shuffled = members[torch.randperm(len(members), generator=generator)]
        place[shuffled] = torch.arange(len(members)) * num_classes + turn[label]
    return place.argsort()[:num_examples].sort().values
