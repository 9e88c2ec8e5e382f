"""AdamW (Loshchilov & Hutter 2019): Adam with weight decay taken off the parameters, not the gradient."""

import torch

from landscape.registry import optimizers
from landscape.training.optimizer_definition import MomentKeys, OptimizerDefinition

ADAMW = optimizers.register("adamw", "Adam with decoupled weight decay")(
    OptimizerDefinition(
        build=torch.optim.AdamW,
        options=("betas", "eps", "weight_decay"),
        second_moment=MomentKeys("exp_avg_sq", decay="betas", bias_correction=True),
        fused=True,
    )
)
