r"""ASAM (Kwon et al. 2021): SAM whose ball is measured in units of the weights.

Scaling one layer up and the next one down changes nothing:

$$\epsilon = \rho\, T^2 \nabla L/|T \nabla L|, \qquad T = |\theta| + \eta,$$

element by element, for all parameters.
"""

from collections.abc import Iterable, Sequence
from typing import Any

from torch import Tensor

from landscape.registry import optimizers
from landscape.training.optimizer_definition import NON_NEGATIVE, OptimizerDefinition, build_optimizer
from landscape.training.optimizers.sam import SharpnessAware, gradients_of, total_norm
from landscape.training.search_range import SearchRange


def asam(
    parameters: Iterable[Tensor], lr: float, rho: float = 0.5, eta: float = 0.01, base: str = "sgd", **options: Any
) -> SharpnessAware:
    """Return ASAM around a base optimizer, whose options follow."""

    def uphill(moved: Sequence[Tensor]) -> list[Tensor]:
        scales = [each.abs() + eta for each in moved]
        scaled = [scale * each for scale, each in zip(scales, gradients_of(moved), strict=True)]
        factor = rho / total_norm(scaled)
        return [factor * scale * each for scale, each in zip(scales, scaled, strict=True)]

    return SharpnessAware(build_optimizer(base, parameters, lr, options), uphill)


ASAM = optimizers.register("asam", "adaptive SAM around base=NAME (sgd): rho=0.5, eta=0.01; two gradients a step")(
    OptimizerDefinition(
        build=asam,
        ranges={"rho": NON_NEGATIVE, "eta": NON_NEGATIVE},
        wraps="base",
        unstable="ASAM's way up is measured in units of the weights, and no threshold is known for it.",
        search={"rho": SearchRange(0.05, 5.0)},
    )
)
