"""RMSProp (Tieleman & Hinton 2012), without bias correction, as in torch."""

import torch

from landscape.registry import optimizers
from landscape.training.optimizer_definition import MomentKeys, OptimizerDefinition

RMSPROP = optimizers.register("rmsprop", "RMSProp: a moving mean of squared gradients, uncorrected")(
    OptimizerDefinition(
        build=torch.optim.RMSprop,
        options=("alpha", "eps", "momentum", "weight_decay"),
        ranges={"momentum": (0.0, 1.0), "alpha": (0.0, 1.0)},
        second_moment=MomentKeys("square_avg", decay="alpha", bias_correction=False),
    )
)
