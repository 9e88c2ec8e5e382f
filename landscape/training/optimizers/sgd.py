"""Stochastic gradient descent, with momentum 0.9 unless another is asked for."""

import torch

from landscape.registry import optimizers
from landscape.training.optimizer_definition import OptimizerDefinition

SGD = optimizers.register("sgd", "stochastic gradient descent with (Nesterov) momentum")(
    OptimizerDefinition(
        build=torch.optim.SGD,
        options=("momentum", "nesterov", "weight_decay", "dampening"),
        defaults={"momentum": 0.9},
        ranges={"momentum": (0.0, 1.0), "dampening": (0.0, 1.0)},
        fused=True,
    )
)
