"""Labels of a tensor's elements: which neuron's scale and which neuron each one carries."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from landscape.symmetries.neurons import SUPPORTED, NotUnderstoodError

EMPTY = -1
"""The label of an element that is always zero, and so of any scale."""


@dataclass(frozen=True)
class Labels:
    """Labels of the elements of one activation, both shaped like it.

    Attributes:
        scale: Of the neuron's scale.
        neuron: Of the neuron itself; a scale may change where the neuron does not, as in BatchNorm.
    """

    scale: Tensor
    neuron: Tensor

    def moved(self, function: Callable[[Tensor], Tensor]) -> "Labels":
        """Return the labels after a function that only moves elements."""
        return Labels(function(self.scale), function(self.neuron))


def by_channel(labels: Tensor, axis: int, what: str) -> np.ndarray:
    """Return the label of each channel, shape ``(channels,)``: the same for all examples and places.

    Args:
        labels: Shaped like the activation.
        axis: That of the channels.
        what: Who needs it so, for the message.

    Raises:
        NotUnderstoodError: If a channel carries several labels.
    """
    rows = labels.movedim(axis, 0).flatten(1)
    largest = rows.amax(1)
    if bool(((rows != largest[:, None]) & (rows != EMPTY)).any()):
        raise NotUnderstoodError(f"{what} acts on places of different neurons at once. {SUPPORTED}")
    return largest.numpy()


def spread(labels: np.ndarray, like: Tensor, axis: int) -> Tensor:
    """Return a label a channel as labels shaped like an activation."""
    shape = [1] * like.ndim
    shape[axis] = -1
    return torch.from_numpy(np.array(labels)).view(shape).expand(like.shape)
