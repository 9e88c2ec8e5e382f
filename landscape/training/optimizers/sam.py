r"""SAM (Foret et al. 2021): the gradient is taken where the loss nearby is higher, then another optimizer steps.

$$\theta' = \text{base}\bigl(\theta, \nabla L(\theta + \rho\,\nabla L/|\nabla L|)\bigr);$$

with ``normalize=false`` the way up is $\rho\,\nabla L$ (Andriushchenko & Flammarion 2022).
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import torch
from torch import Tensor

from landscape.registry import optimizers
from landscape.training.optimizer_definition import NON_NEGATIVE, OptimizerDefinition, build_optimizer
from landscape.training.search_range import SearchRange

Uphill = Callable[[Sequence[Tensor]], list[Tensor]]
"""Parameters with their gradients to the way up from them."""


class SharpnessAware(torch.optim.Optimizer):
    """An optimizer around another one, which steps with the gradient from higher up.

    Its groups and its state are those of the base. A step computes two gradients of the same batch.

    Args:
        base: Over the parameters.
        uphill: Where the second gradient is taken, relative to the parameters.
    """

    def __init__(self, base: torch.optim.Optimizer, uphill: Uphill) -> None:
        super().__init__(base.param_groups, dict(base.defaults))
        self.base, self.uphill = base, uphill
        self.param_groups, self.state = base.param_groups, base.state

    @torch.no_grad()
    def step(self, closure: Callable[[], float]) -> float:  # type: ignore[override]
        """Take a step; ``closure`` computes the gradient where the parameters are and returns the loss."""
        with torch.enable_grad():
            loss = closure()
        moved = [each for group in self.param_groups for each in group["params"] if each.grad is not None]
        before = [each.clone() for each in moved]
        for parameter, way in zip(moved, self.uphill(moved), strict=True):
            parameter.add_(way)
        with torch.enable_grad():
            closure()
        for parameter, old in zip(moved, before, strict=True):
            parameter.copy_(old)
        self.base.step()
        return loss


def sam(
    parameters: Iterable[Tensor],
    lr: float,
    rho: float = 0.05,
    normalize: bool = True,
    base: str = "sgd",
    **options: Any,
) -> SharpnessAware:
    """Return SAM around a base optimizer, whose options follow."""

    def uphill(moved: Sequence[Tensor]) -> list[Tensor]:
        gradients = gradients_of(moved)
        scale: Any = rho / total_norm(gradients) if normalize else rho
        return [each * scale for each in gradients]

    return SharpnessAware(build_optimizer(base, parameters, lr, options), uphill)


def gradients_of(parameters: Sequence[Tensor]) -> list[Tensor]:
    """Return the gradients, which are all there."""
    return [each.grad for each in parameters if each.grad is not None]


def total_norm(tensors: Sequence[Tensor]) -> Tensor:
    """Return the Euclidean norm of all tensors together, never quite zero."""
    norm: Tensor = torch.stack([torch.linalg.vector_norm(each) for each in tensors]).norm()
    return norm.clamp_min(1e-12)


SAM = optimizers.register("sam", "SAM around base=NAME (sgd): rho=0.05, normalize=true|false; two gradients a step")(
    OptimizerDefinition(
        build=sam,
        ranges={"rho": NON_NEGATIVE},
        wraps="base",
        search={"rho": SearchRange(0.005, 0.5)},
    )
)
