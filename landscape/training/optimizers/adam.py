"""Adam (Kingma & Ba 2015); its weight decay is added to the gradient, and so enters both moments."""

from collections.abc import Mapping
from typing import Any

import torch

from landscape.registry import optimizers
from landscape.training.linear_step import LinearStep
from landscape.training.optimizer_definition import NON_NEGATIVE, SHARE, MomentKeys, OptimizerDefinition
from landscape.training.preconditioners import adam_diagonal
from landscape.training.search_range import ADAM_SEARCH


def adam_step(options: Mapping[str, Any], lr: float, t: int) -> LinearStep:
    """Return Adam's step in the metric of its preconditioner: heavy ball of averaged gradients."""
    b = options["betas"][0]
    return LinearStep(0.0, lr, b, 1 - b, weight_decay=options["weight_decay"])


ADAM = optimizers.register("adam", "Adam: steps divided by the root of the mean squared gradient")(
    OptimizerDefinition(
        build=torch.optim.Adam,
        options=("betas", "eps", "weight_decay"),
        ranges={"betas": SHARE, "eps": NON_NEGATIVE, "weight_decay": NON_NEGATIVE},
        second_moment=MomentKeys("exp_avg_sq", decay="betas", bias_correction=True),
        elementwise=True,
        fused=True,
        linear_step=adam_step,
        diagonal=adam_diagonal,
        search=ADAM_SEARCH,
    )
)
