"""Names of activation functions."""

from typing import Literal

from torch import nn

Activation = Literal["tanh", "relu", "gelu"]


def activation_module(name: Activation) -> nn.Module:
    """Return a new module for the activation function."""
    modules: dict[Activation, type[nn.Module]] = {"tanh": nn.Tanh, "relu": nn.ReLU, "gelu": nn.GELU}
    return modules[name]()
