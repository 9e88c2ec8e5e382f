"""Lion, SOAP and Shampoo from the package pytorch-optimizer, which the extra ``optimizers`` brings."""

import importlib
from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor

from landscape.errors import UsageError
from landscape.registry import optimizers
from landscape.training.optimizer_definition import NON_NEGATIVE, SHARE, OptimizerDefinition
from landscape.training.search_range import (
    ADAM_SEARCH,
    BETA2,
    DECOUPLED,
    MOMENTUM,
    WEIGHT_DECAY,
    SearchRange,
)


def lion(
    parameters: Iterable[Tensor], lr: float, betas: tuple[float, float] = (0.9, 0.99), weight_decay: float = 0.0
) -> torch.optim.Optimizer:
    """Return Lion (Chen et al. 2023): the sign of an interpolated momentum, decoupled weight decay."""
    return _packaged("Lion")(parameters, lr=lr, betas=betas, weight_decay=weight_decay)  # type: ignore[no-any-return]


def soap(
    parameters: Iterable[Tensor],
    lr: float,
    betas: tuple[float, float] = (0.95, 0.95),
    eps: float = 1e-8,
    weight_decay: float = 0.0,
    precondition_frequency: int = 10,
) -> torch.optim.Optimizer:
    """Return SOAP (Vyas et al. 2024): Adam in the eigenbasis of Shampoo's preconditioner."""
    return _packaged("SOAP")(  # type: ignore[no-any-return]
        parameters,
        lr=lr,
        betas=betas,
        eps=eps,
        weight_decay=weight_decay,
        precondition_frequency=precondition_frequency,
    )


def shampoo(
    parameters: Iterable[Tensor],
    lr: float,
    momentum: float = 0.0,
    weight_decay: float = 0.0,
    preconditioning_compute_steps: int = 1,
    matrix_eps: float = 1e-6,
) -> torch.optim.Optimizer:
    """Return Shampoo (Gupta, Koren & Singer 2018), with coupled weight decay."""
    return _packaged("Shampoo")(  # type: ignore[no-any-return]
        parameters,
        lr=lr,
        momentum=momentum,
        weight_decay=weight_decay,
        preconditioning_compute_steps=preconditioning_compute_steps,
        matrix_eps=matrix_eps,
    )


def _packaged(name: str) -> Any:
    try:
        return getattr(importlib.import_module("pytorch_optimizer"), name)
    except ImportError as error:
        raise UsageError(
            f"{name.lower()} comes with the package pytorch-optimizer, which is not installed ({error}). "
            "Type: pip install pytorch-optimizer"
        ) from error


_NOT_DIAGONAL = "has a preconditioner that is no diagonal, so its own sharpness is not measured here."

LION = optimizers.register("lion", "Lion, of the package pytorch-optimizer (an extra)")(
    OptimizerDefinition(
        build=lion,
        ranges={"betas": SHARE, "weight_decay": NON_NEGATIVE},
        unstable="Lion steps by signs, so the size of its steps does not follow the gradient's; no threshold is known.",
        search={
            "lr": SearchRange(1e-6, 1e-2),
            "beta1": MOMENTUM,
            "beta2": BETA2,
            "weight_decay": DECOUPLED,
        },
    )
)
SOAP = optimizers.register("soap", "SOAP, of the package pytorch-optimizer (an extra)")(
    OptimizerDefinition(
        build=soap,
        ranges={
            "betas": SHARE,
            "eps": NON_NEGATIVE,
            "weight_decay": NON_NEGATIVE,
            "precondition_frequency": (1, float("inf")),
        },
        unstable=f"SOAP {_NOT_DIAGONAL}",
        search={**ADAM_SEARCH, "weight_decay": DECOUPLED},
    )
)
SHAMPOO = optimizers.register("shampoo", "Shampoo, of the package pytorch-optimizer (an extra)")(
    OptimizerDefinition(
        build=shampoo,
        ranges={
            "momentum": SHARE,
            "weight_decay": NON_NEGATIVE,
            "matrix_eps": NON_NEGATIVE,
            "preconditioning_compute_steps": (1, float("inf")),
        },
        unstable=f"Shampoo {_NOT_DIAGONAL}",
        search={
            "lr": SearchRange(1e-4, 1.0),
            "momentum": MOMENTUM,
            "matrix_eps": SearchRange(1e-8, 1e-2),
            "weight_decay": WEIGHT_DECAY,
        },
    )
)
