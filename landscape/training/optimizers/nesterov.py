"""Gradient descent with Nesterov's momentum as torch does it (Sutskever et al. 2013), under a name of its own."""

from collections.abc import Iterable, Mapping
from typing import Any

import torch
from torch import Tensor

from landscape.registry import optimizers
from landscape.training.linear_step import LinearStep
from landscape.training.optimizer_definition import NON_NEGATIVE, OptimizerDefinition
from landscape.training.optimizers.sgd import sgd_step
from landscape.training.search_range import MOMENTUM_SEARCH, SearchRange


def nesterov(
    parameters: Iterable[Tensor], lr: float, momentum: float = 0.9, weight_decay: float = 0.0, fused: bool | None = None
) -> torch.optim.Optimizer:
    """Return torch's SGD with Nesterov's momentum."""
    return torch.optim.SGD(parameters, lr, momentum, weight_decay=weight_decay, nesterov=True, fused=fused)


def _step(options: Mapping[str, Any], lr: float, t: int) -> LinearStep:
    return sgd_step({**options, "nesterov": True}, lr, t)


NESTEROV = optimizers.register("nesterov", "SGD with Nesterov's momentum (0.9 by default)")(
    OptimizerDefinition(
        build=nesterov,
        ranges={"momentum": (1e-12, 1.0), "weight_decay": NON_NEGATIVE},
        elementwise=True,
        fused=True,
        linear_step=_step,
        search={**MOMENTUM_SEARCH, "momentum": SearchRange(0.1, 0.999, complement=True)},
    )
)
