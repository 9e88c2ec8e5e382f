"""A copy of a problem's model whose parameters are one vector, so that a point is set by one copy."""

import copy
import dataclasses
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from landscape.batch_norm import batch_norms, reestimate
from landscape.batch_structure import content
from landscape.batches import batch_size_of
from landscape.problem import Problem


def has_batch_norm(problem: Problem) -> bool:
    """Return whether the model of a problem has running statistics that belong to its parameters."""
    return bool(batch_norms(problem.model))


class LiveModel:
    """The model of a problem at any point, for forward passes alone; the problem's own model is not touched.

    Args:
        problem: Whose model.
        dtype: Precision of parameters and buffers; the problem's by default.
    """

    def __init__(self, problem: Problem, dtype: torch.dtype | None = None) -> None:
        self.dtype = dtype or problem.dtype
        self.device = problem.device
        self.model: nn.Module = copy.deepcopy(problem.model).to(problem.device, self.dtype).requires_grad_(False)
        self._flat = torch.empty(problem.num_parameters, device=problem.device, dtype=self.dtype)
        parameters = dict(self.model.named_parameters())
        pieces = torch.split(self._flat, problem.sizes)
        for name, piece, shape in zip(problem.parameter_names, pieces, problem.shapes, strict=True):
            parameters[name].data = piece.view(shape)
        self._setting = problem.setting

    @contextmanager
    def forward_only(self, statistics: str) -> Iterator[None]:
        """While entered, the model runs as its problem runs it, but without graphs and by these statistics."""
        kept = "batch" if statistics == "batch" else "evaluation"
        with torch.inference_mode(), dataclasses.replace(self._setting, batch_norm=kept).entered(self.model):
            yield

    def put(self, theta: Tensor) -> None:
        """Set the parameters, shape ``(n,)``."""
        self._flat.copy_(theta)

    def reestimate(self, batches: list[tuple[Any, float]]) -> None:
        """Set the running statistics of every BatchNorm anew, see `landscape.batch_norm.reestimate`."""
        reestimate(self.model, ((content(batch)[0], batch_size_of(batch)) for batch, _ in batches))


def losses_of_examples(criterion: Callable[[Tensor, Tensor], Tensor], outputs: Tensor, targets: Tensor) -> Tensor:
    """Return the loss of each example, shape ``(N,)``, by a criterion that gives the mean of a batch."""

    def one(output: Tensor, target: Tensor) -> Tensor:
        return criterion(output[None], target[None])

    try:
        with torch.no_grad():
            return torch.vmap(one)(outputs, targets)
    except (RuntimeError, NotImplementedError):
        # a criterion of one's own may do what cannot be mapped
        return torch.stack([one(output, target) for output, target in zip(outputs, targets, strict=True)])
