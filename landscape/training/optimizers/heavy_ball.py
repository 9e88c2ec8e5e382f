"""Gradient descent with Polyak's momentum, under a name of its own so that it can be compared with plain SGD."""

import torch

from landscape.registry import optimizers
from landscape.training.optimizer_definition import NON_NEGATIVE, SHARE, OptimizerDefinition
from landscape.training.optimizers.sgd import sgd_step
from landscape.training.search_range import MOMENTUM_SEARCH

HEAVY_BALL = optimizers.register("heavy_ball", "SGD with Polyak's momentum (0.9 by default)")(
    OptimizerDefinition(
        build=torch.optim.SGD,
        options=("momentum", "weight_decay"),
        defaults={"momentum": 0.9},
        ranges={"momentum": SHARE, "weight_decay": NON_NEGATIVE},
        elementwise=True,
        fused=True,
        linear_step=sgd_step,
        search=MOMENTUM_SEARCH,
    )
)
