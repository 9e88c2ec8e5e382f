"""AdamW (Loshchilov & Hutter 2019): Adam with weight decay taken off the parameters, not the gradient."""

from collections.abc import Mapping
from typing import Any

import torch

from landscape.registry import optimizers
from landscape.training.linear_step import LinearStep
from landscape.training.optimizer_definition import NON_NEGATIVE, SHARE, MomentKeys, OptimizerDefinition
from landscape.training.preconditioners import adam_diagonal
from landscape.training.search_range import ADAM_SEARCH, DECOUPLED


def adamw_step(options: Mapping[str, Any], lr: float, t: int) -> LinearStep:
    """Return AdamW's step in the metric of its preconditioner."""
    b = options["betas"][0]
    return LinearStep(0.0, lr, b, 1 - b, keep=1 - lr * options["weight_decay"])


ADAMW = optimizers.register("adamw", "Adam with decoupled weight decay")(
    OptimizerDefinition(
        build=torch.optim.AdamW,
        options=("betas", "eps", "weight_decay"),
        ranges={"betas": SHARE, "eps": NON_NEGATIVE, "weight_decay": NON_NEGATIVE},
        second_moment=MomentKeys("exp_avg_sq", decay="betas", bias_correction=True),
        elementwise=True,
        fused=True,
        linear_step=adamw_step,
        diagonal=adam_diagonal,
        search={**ADAM_SEARCH, "weight_decay": DECOUPLED},
    )
)
