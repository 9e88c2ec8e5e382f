"""Muon (Jordan et al. 2024), torch's own: matrices step by their orthogonalised momentum, the rest by AdamW.

Torch's Muon takes matrices only. Here it gets every parameter of two dimensions and, as Jordan does, every filter of a
convolution as a matrix of one row a filter; not the last of them, the output layer, if there are others. AdamW gets the
rest: biases, normalisation, output layer. One learning rate serves both, since updates of matrices are scaled to the
size of AdamW's (Liu et al. 2025, "Muon is scalable", eq. 4) unless ``adjust_lr_fn=original``.
"""

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor

from landscape.errors import UsageError
from landscape.registry import optimizers
from landscape.training.optimizer_definition import NON_NEGATIVE, SHARE, OptimizerDefinition
from landscape.training.search_range import DECOUPLED, MOMENTUM, SearchRange


class MuonWithAdamW(torch.optim.Optimizer):
    """Muon over some parameters and AdamW over the others, with the groups and the state of both.

    Args:
        muon: Over matrices, some of which are views of filters.
        adamw: Over the others; None if there are none.
        views: The matrix of each filter.
    """

    def __init__(
        self, muon: torch.optim.Optimizer, adamw: torch.optim.Optimizer | None, views: dict[Tensor, Tensor]
    ) -> None:
        both = [muon, *([] if adamw is None else [adamw])]
        groups = [group for each in both for group in each.param_groups]
        super().__init__([{"params": list(group["params"])} for group in groups], {})
        self.param_groups = groups
        self._both, self._muon, self._views = both, muon, views

    def step(self, closure: Any = None) -> None:  # type: ignore[override]
        """Take a step with the gradients that are there."""
        for optimizer in self._both:
            for parameter in (each for group in optimizer.param_groups for each in group["params"]):
                self._lend(optimizer, parameter)
            optimizer.step()
            for parameter in (each for group in optimizer.param_groups for each in group["params"]):
                self._take_back(optimizer, parameter)

    def _lend(self, optimizer: torch.optim.Optimizer, parameter: Tensor) -> None:
        """Give the inner optimizer the gradient and the state of a parameter, as a matrix where it is a view."""
        owner = self._views.get(parameter, parameter)
        if owner is not parameter:
            parameter.grad = None if owner.grad is None else owner.grad.reshape(parameter.shape)
        optimizer.state[parameter] = {key: _as(value, owner, parameter) for key, value in self.state[owner].items()}

    def _take_back(self, optimizer: torch.optim.Optimizer, parameter: Tensor) -> None:
        owner = self._views.get(parameter, parameter)
        self.state[owner] = {key: _as(value, parameter, owner) for key, value in optimizer.state[parameter].items()}
        if owner is not parameter:
            parameter.grad = None


def _as(value: Any, like: Tensor, wanted: Tensor) -> Any:
    """Return a state shaped like one tensor in the shape of another; what has another shape stays."""
    shaped = isinstance(value, Tensor) and value.shape == like.shape
    return value.reshape(wanted.shape) if shaped else value


def muon(
    parameters: Iterable[Tensor],
    lr: float,
    momentum: float = 0.95,
    nesterov: bool = True,
    ns_steps: int = 5,
    weight_decay: float = 0.0,
    adjust_lr_fn: str = "match_rms_adamw",
    betas: tuple[float, float] = (0.9, 0.999),
    eps: float = 1e-8,
) -> MuonWithAdamW:
    """Return Muon over matrices and filters, and AdamW (``betas``, ``eps``) over the other parameters.

    Raises:
        UsageError: If this torch has no Muon.
    """
    if not hasattr(torch.optim, "Muon"):
        raise UsageError(f"muon needs torch 2.9 or newer; this is {torch.__version__}.")
    every = list(parameters)
    matrices = [each for each in every if each.ndim >= 2]
    chosen = {id(each) for each in (matrices[:-1] or matrices)}
    views: dict[Tensor, Tensor] = {}
    for each in every:
        if id(each) in chosen and each.ndim > 2:
            views[torch.nn.Parameter(each.detach().view(len(each), -1))] = each
    own = {id(owner): view for view, owner in views.items()}
    inner = torch.optim.Muon(
        [own.get(id(each), each) for each in every if id(each) in chosen],
        lr=lr,
        momentum=momentum,
        nesterov=nesterov,
        ns_steps=ns_steps,
        weight_decay=weight_decay,
        adjust_lr_fn=adjust_lr_fn,
    )
    others = [each for each in every if id(each) not in chosen]
    adamw = torch.optim.AdamW(others, lr=lr, betas=betas, eps=eps, weight_decay=weight_decay) if others else None
    return MuonWithAdamW(inner, adamw, views)


MUON = optimizers.register("muon", "Muon on matrices and filters, AdamW on the rest and on the output layer")(
    OptimizerDefinition(
        build=muon,
        ranges={
            **dict.fromkeys(("momentum", "betas"), SHARE),
            **dict.fromkeys(("weight_decay", "eps"), NON_NEGATIVE),
            "ns_steps": (1, 100),
        },
        choices={"adjust_lr_fn": ("original", "match_rms_adamw")},
        unstable="Muon orthogonalises its steps, so their size does not follow the gradient's; no threshold is known.",
        search={"lr": SearchRange(1e-4, 0.1), "momentum": MOMENTUM, "weight_decay": DECOUPLED},
    )
)
