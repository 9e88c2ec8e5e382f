"""NAdam (Dozat 2016): Adam with Nesterov's momentum, whose coefficient grows with the steps."""

from collections.abc import Mapping
from typing import Any

import torch

from landscape.registry import optimizers
from landscape.training.linear_step import LinearStep
from landscape.training.optimizer_definition import NON_NEGATIVE, SHARE, OptimizerDefinition
from landscape.training.preconditioners import adam_diagonal
from landscape.training.search_range import ADAM_SEARCH


def nadam_step(options: Mapping[str, Any], lr: float, t: int) -> LinearStep:
    """Return NAdam's step t in the metric of its preconditioner, with the momentum coefficients of that step."""
    b = options["betas"][0]
    now, coming = (b * (1 - 0.5 * 0.96 ** (each * options["momentum_decay"])) for each in (t, t + 1))
    decay, coupled = options["weight_decay"], not options["decoupled_weight_decay"]
    keep, decay = (1.0, decay) if coupled else (1 - lr * decay, 0.0)
    return LinearStep(lr * (1 - now), lr * coming, b, 1 - b, keep=keep, weight_decay=decay)


NADAM = optimizers.register("nadam", "Adam with Nesterov's momentum")(
    OptimizerDefinition(
        build=torch.optim.NAdam,
        options=("betas", "eps", "weight_decay", "momentum_decay", "decoupled_weight_decay"),
        ranges={"betas": SHARE, **dict.fromkeys(("eps", "weight_decay", "momentum_decay"), NON_NEGATIVE)},
        elementwise=True,
        linear_step=nadam_step,
        diagonal=adam_diagonal,
        search=ADAM_SEARCH,
    )
)
