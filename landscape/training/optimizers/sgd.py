"""Stochastic gradient descent, with momentum 0.9 unless another is asked for."""

from collections.abc import Mapping
from typing import Any

import torch

from landscape.registry import optimizers
from landscape.training.linear_step import LinearStep
from landscape.training.optimizer_definition import NON_NEGATIVE, SHARE, OptimizerDefinition
from landscape.training.search_range import MOMENTUM_SEARCH


def sgd_step(options: Mapping[str, Any], lr: float, t: int) -> LinearStep:
    """Return the step of torch's SGD: the gradient itself, heavy ball, or Nesterov."""
    b, decay = options["momentum"], options["weight_decay"]
    if not b:
        return LinearStep(lr, weight_decay=decay)
    direct, weight = (lr, lr * b) if options.get("nesterov") else (0.0, lr)
    return LinearStep(direct, weight, b, 1 - options.get("dampening", 0.0), weight_decay=decay)


SGD = optimizers.register("sgd", "stochastic gradient descent with (Nesterov) momentum, 0.9 by default")(
    OptimizerDefinition(
        build=torch.optim.SGD,
        options=("momentum", "nesterov", "weight_decay", "dampening"),
        defaults={"momentum": 0.9},
        ranges={"momentum": SHARE, "dampening": SHARE, "weight_decay": NON_NEGATIVE},
        elementwise=True,
        fused=True,
        linear_step=sgd_step,
        search=MOMENTUM_SEARCH,
    )
)
