"""Multilayer perceptron."""

import math

from torch import nn

from landscape.models.activation import Activation, activation_module
from landscape.options import Size
from landscape.registry import models


@models.register("mlp", "multilayer perceptron; widths=100,100 activation=tanh|relu|gelu")
def mlp(
    input_shape: tuple[int, ...],
    num_outputs: int,
    *,
    widths: tuple[Size, ...] = (100, 100),
    activation: Activation = "tanh",
) -> nn.Module:
    """Return a perceptron that flattens its input, with PyTorch's default initialisation.

    Args:
        input_shape: Shape of one input.
        num_outputs: Number of outputs.
        widths: Widths of the hidden layers; none of them makes a linear model.
        activation: After each hidden layer.
    """
    layers: list[nn.Module] = [nn.Flatten()]
    before = math.prod(input_shape)
    for width in widths:
        layers += [nn.Linear(before, width), activation_module(activation)]
        before = width
    return nn.Sequential(*layers, nn.Linear(before, num_outputs))
