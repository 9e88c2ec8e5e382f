"""Neurons of a network that can change places together, and where in its parameters they stand."""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from landscape.errors import UsageError
from landscape.models.resnet import Block, ResNet, Subsample
from landscape.models.vgg import GlobalMean

NORMS = (nn.BatchNorm1d, nn.BatchNorm2d)
ELEMENTWISE = (
    nn.ReLU, nn.Tanh, nn.GELU, nn.Sigmoid, nn.SiLU, nn.LeakyReLU, nn.ELU, nn.Softplus, nn.Identity, nn.Dropout,
    nn.MaxPool2d, nn.AvgPool2d, nn.AdaptiveAvgPool2d, nn.AdaptiveMaxPool2d, nn.Flatten, nn.Unflatten, GlobalMean,
)  # fmt: skip
KINDS = "Sequential of Linear, Conv2d, BatchNorm and element-wise layers, and this package's ResNets"
Stream = list[tuple[int, int] | None]
"""Of each channel that flows between layers: its group and its number there; None for one that is always zero."""


@dataclass(frozen=True)
class Place:
    """Where the neurons of a group stand in one parameter.

    Attributes:
        name: Of the parameter.
        axis: 0 where they write (rows), 1 where they are read (columns, or blocks of pixels).
        channels: How many neurons that axis holds, with those of other groups.
        positions: Which of these each neuron of the group is.
    """

    name: str
    axis: int
    channels: int
    positions: tuple[int, ...]

    def vectors(self, tensor: Tensor) -> Tensor:
        """Return what stands for each neuron of the group, a row each."""
        rows = self._blocks(tensor)
        return (rows if self.axis == 0 else rows.transpose(0, 1)).flatten(1)[list(self.positions)]

    def permuted(self, tensor: Tensor, order: Any) -> Tensor:
        """Return the parameter with neuron ``order[k]`` of the group in the place of neuron k."""
        index = torch.arange(self.channels)
        index[list(self.positions)] = torch.tensor(self.positions)[torch.as_tensor(order)]
        return self._blocks(tensor).index_select(self.axis, index).reshape(tensor.shape)

    def _blocks(self, tensor: Tensor) -> Tensor:
        return (
            tensor.reshape(self.channels, 1, -1) if self.axis == 0 else tensor.reshape(len(tensor), self.channels, -1)
        )


@dataclass(frozen=True)
class Neurons:
    """A group of neurons, any permutation of which, in all of its places, leaves the function as it is.

    Attributes:
        size: How many.
        places: Where they stand.
    """

    size: int
    places: tuple[Place, ...]


def neuron_groups(model: nn.Module) -> list[Neurons]:
    """Return the groups of a feed-forward or residual network in order.

    A hidden layer is a group. What skip connections add up is one group across all blocks that it goes through; where
    they pad with zeros, the channels that are new there are a group of their own.

    Raises:
        UsageError: If a module is of a kind whose neurons cannot be told.
    """
    walk = _Walk({id(parameter): name for name, parameter in model.named_parameters()})
    walk.visit(model)
    return [Neurons(size, tuple(places)) for size, places in walk.groups]


class _Walk:
    """Goes through a network in the order of its computation."""

    def __init__(self, names: dict[int, str]) -> None:
        self.names = names
        self.groups: list[tuple[int, list[Place]]] = []
        self._stream: Stream | None = None  # inputs, which stay where they are
        self._rows: list[str] = []
        self._size = 0

    def visit(self, module: nn.Module) -> None:
        """Take note of the neurons of a module and all below it."""
        if isinstance(module, nn.Sequential):
            for child in module:
                self.visit(child)
        elif isinstance(module, ResNet):
            for child in (module.stem, module.blocks, module.head):
                self.visit(child)
        elif isinstance(module, Block):
            self._block(module)
        elif isinstance(module, nn.Linear | nn.Conv2d) and getattr(module, "groups", 1) == 1:
            self._layer(module)
        elif isinstance(module, NORMS):
            if not self._rows:
                raise UsageError(
                    "The network normalises what no layer made: its neurons cannot be aligned. Leave out --align."
                )
            self._rows += self._own(module)
        elif not isinstance(module, ELEMENTWISE):
            raise UsageError(
                f"Neurons are aligned in {KINDS}; this network has a {type(module).__name__}. Leave out --align."
            )

    def _layer(self, module: nn.Linear | nn.Conv2d) -> None:
        self._settle()
        if self._stream is not None:
            if module.weight.shape[1] % len(self._stream):
                raise UsageError("A layer reads part of another's outputs: they cannot be aligned. Leave out --align.")
            self._stand(self.names[id(module.weight)], 1, self._stream)
        self._rows, self._size = self._own(module), len(module.weight)

    def _block(self, block: Block) -> None:
        self._settle()
        before = self._stream
        tied = self._skipped(block.skip, before)
        self._stream = before
        self.visit(block.first)
        self.visit(block.second)
        self._settle(tied)

    def _skipped(self, skip: nn.Module | None, before: Stream | None) -> Stream | None:
        """Return what a skip connection adds to the outputs of its block."""
        if skip is None or before is None or isinstance(skip, nn.Identity):
            return None if skip is None else before
        if isinstance(skip, Subsample):
            return [None] * (skip.new_channels // 2) + before + [None] * ((skip.new_channels + 1) // 2)
        self.visit(skip)
        self._settle()
        return self._stream

    def _settle(self, tied: Stream | None = None) -> None:
        """Let the last layer's outputs flow on: in the groups that they are tied to, the others in a new one."""
        if not self._rows:
            return
        stream: Stream = list(tied) if tied is not None else [None] * self._size
        free = [channel for channel, owner in enumerate(stream) if owner is None]
        if free:
            self.groups.append((len(free), []))
            for number, channel in enumerate(free):
                stream[channel] = (len(self.groups) - 1, number)
        for name in self._rows:
            self._stand(name, 0, stream)
        self._stream, self._rows = stream, []

    def _stand(self, name: str, axis: int, stream: Stream) -> None:
        positions: dict[int, dict[int, int]] = {}
        for channel, owner in enumerate(stream):
            if owner is not None:
                positions.setdefault(owner[0], {})[owner[1]] = channel
        for group, found in positions.items():
            ordered = tuple(found[number] for number in range(self.groups[group][0]))
            self.groups[group][1].append(Place(name, axis, len(stream), ordered))

    def _own(self, module: nn.Module) -> list[str]:
        return [self.names[id(each)] for each in module.parameters()]
