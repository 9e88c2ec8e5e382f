"""RAdam (Liu et al. 2020): Adam that does without its second moment until that can be trusted."""

from collections.abc import Mapping
from typing import Any

import torch

from landscape.registry import optimizers
from landscape.training.linear_step import LinearStep
from landscape.training.optimizer_definition import NON_NEGATIVE, SHARE, OptimizerDefinition
from landscape.training.preconditioners import radam_diagonal, rectification
from landscape.training.search_range import ADAM_SEARCH


def radam_step(options: Mapping[str, Any], lr: float, t: int) -> LinearStep:
    """Return RAdam's step t in the metric of its preconditioner (the identity during the first steps)."""
    b, beta2 = options["betas"]
    decay, coupled = options["weight_decay"], not options["decoupled_weight_decay"]
    keep, decay = (1.0, decay) if coupled else (1 - lr * decay, 0.0)
    return LinearStep(0.0, lr * (rectification(beta2, t) or 1.0), b, 1 - b, keep=keep, weight_decay=decay)


RADAM = optimizers.register("radam", "Adam with its early steps rectified")(
    OptimizerDefinition(
        build=torch.optim.RAdam,
        options=("betas", "eps", "weight_decay", "decoupled_weight_decay"),
        ranges={"betas": SHARE, "eps": NON_NEGATIVE, "weight_decay": NON_NEGATIVE},
        elementwise=True,
        linear_step=radam_step,
        diagonal=radam_diagonal,
        search=ADAM_SEARCH,
    )
)
