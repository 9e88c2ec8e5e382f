"""RMSProp (Tieleman & Hinton 2012), without bias correction, as in torch."""

from collections.abc import Mapping
from typing import Any

import torch

from landscape.registry import optimizers
from landscape.training.linear_step import LinearStep
from landscape.training.optimizer_definition import NON_NEGATIVE, SHARE, MomentKeys, OptimizerDefinition
from landscape.training.preconditioners import rmsprop_diagonal
from landscape.training.search_range import BETA2, EPS, MOMENTUM, WEIGHT_DECAY, SearchRange


def rmsprop_step(options: Mapping[str, Any], lr: float, t: int) -> LinearStep:
    """Return RMSProp's step in the metric of its preconditioner: momentum is of preconditioned gradients."""
    b, decay = options["momentum"], options["weight_decay"]
    return LinearStep(0.0, lr, b, 1.0, weight_decay=decay) if b else LinearStep(lr, weight_decay=decay)


RMSPROP = optimizers.register("rmsprop", "RMSProp: a moving mean of squared gradients, uncorrected")(
    OptimizerDefinition(
        build=torch.optim.RMSprop,
        options=("alpha", "eps", "momentum", "weight_decay", "centered"),
        ranges={"momentum": SHARE, "alpha": SHARE, "eps": NON_NEGATIVE, "weight_decay": NON_NEGATIVE},
        second_moment=MomentKeys("square_avg", decay="alpha", bias_correction=False),
        elementwise=True,
        linear_step=rmsprop_step,
        diagonal=rmsprop_diagonal,
        search={
            "lr": SearchRange(1e-5, 0.1),
            "momentum": MOMENTUM,
            "alpha": BETA2,
            "eps": EPS,
            "weight_decay": WEIGHT_DECAY,
        },
    )
)
