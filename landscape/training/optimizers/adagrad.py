"""Adagrad (Duchi, Hazan & Singer 2011): steps divided by the root of the sum of squared gradients."""

from collections.abc import Mapping
from typing import Any

import torch

from landscape.registry import optimizers
from landscape.training.linear_step import LinearStep
from landscape.training.optimizer_definition import NON_NEGATIVE, OptimizerDefinition
from landscape.training.preconditioners import adagrad_diagonal
from landscape.training.search_range import EPS, WEIGHT_DECAY, SearchRange


def adagrad_step(options: Mapping[str, Any], lr: float, t: int) -> LinearStep:
    """Return Adagrad's step t in the metric of its preconditioner."""
    return LinearStep(lr / (1 + (t - 1) * options["lr_decay"]), weight_decay=options["weight_decay"])


_OPTIONS = ("lr_decay", "weight_decay", "initial_accumulator_value", "eps")

ADAGRAD = optimizers.register("adagrad", "Adagrad: steps divided by the root of the sum of squared gradients")(
    OptimizerDefinition(
        build=torch.optim.Adagrad,
        options=_OPTIONS,
        ranges=dict.fromkeys(_OPTIONS, NON_NEGATIVE),
        elementwise=True,
        linear_step=adagrad_step,
        diagonal=adagrad_diagonal,
        search={"lr": SearchRange(1e-4, 1.0), "eps": EPS, "weight_decay": WEIGHT_DECAY},
    )
)
