"""Adam (Kingma & Ba 2015); its weight decay is added to the gradient, and so enters both moments."""

import torch

from landscape.registry import optimizers
from landscape.training.optimizer_definition import MomentKeys, OptimizerDefinition

ADAM = optimizers.register("adam", "Adam: steps divided by the root of the mean squared gradient")(
    OptimizerDefinition(
        build=torch.optim.Adam,
        options=("betas", "eps", "weight_decay"),
        second_moment=MomentKeys("exp_avg_sq", decay="betas", bias_correction=True),
        fused=True,
    )
)
