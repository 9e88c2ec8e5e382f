"""The trace from random probes, stopped on its own standard error."""

import math
from dataclasses import dataclass

import numpy as np
import torch

from landscape.errors import UsageError
from landscape.operators.symmetric_operator import SymmetricOperator
from landscape.randomness import derive_seed
from landscape.solvers.eigenpairs import dot


@dataclass(frozen=True)
class Estimate:
    """A Monte-Carlo estimate.

    Attributes:
        value: The mean over probes.
        error: Its standard error.
        matvecs: Products spent.
        converged: Whether the standard error is within the tolerance asked for.
        reason: Why the estimator stopped, in words.
    """

    value: float
    error: float
    matvecs: int
    converged: bool
    reason: str


def hutchinson(
    operator: SymmetricOperator,
    *,
    rtol: float = 0.02,
    min_matvecs: int = 16,
    max_matvecs: int = 1000,
    seed: int = 0,
) -> Estimate:
    r"""Return the trace of an operator, unbiased, with its standard error.

    $$\operatorname{tr} H = E[z^\top H z], \qquad z_i = \pm 1 \text{ with equal chance,}$$

    of variance $2\sum_{i\neq j} H_{ij}^2$ a probe: a diagonal operator costs one probe.

    Args:
        operator: Any symmetric operator.
        rtol: Stop when the standard error is at most ``rtol`` times the magnitude of the mean.
        min_matvecs: Probes before the standard error is trusted (from few probes it is itself too uncertain).
        max_matvecs: Stop here at the latest; then ``converged`` is False.
        seed: Of the probes; probe i is the same whatever the tolerance.

    Raises:
        UsageError: If a tolerance or a count is out of its range.

    Cost:
        One product a probe; the standard error falls as one over the square root of their number.

    References:
        Hutchinson 1990, "A stochastic estimator of the trace of the influence matrix".
    """
    if not rtol > 0 or not 2 <= min_matvecs <= max_matvecs:
        raise UsageError(
            f"rtol must be positive and 2 <= min_matvecs <= max_matvecs; "
            f"they are {rtol}, {min_matvecs} and {max_matvecs}."
        )
    products: list[float] = []
    while True:
        products.append(_probe(operator, derive_seed(seed, "hutchinson", len(products))))
        count = len(products)
        if count < min_matvecs:
            continue
        mean, error = float(np.mean(products)), float(np.std(products, ddof=1)) / math.sqrt(count)
        converged = error <= rtol * abs(mean)
        if converged or count >= max_matvecs:
            reason = "the standard error is within rtol" if converged else f"max_matvecs ({max_matvecs}) reached"
            return Estimate(mean, error, count, converged, reason)


def _probe(operator: SymmetricOperator, seed: int) -> float:
    """Return z'Hz for one vector of random signs."""
    signs = torch.randint(0, 2, (operator.shape[0],), generator=torch.Generator().manual_seed(seed))
    z = (2 * signs - 1).to(operator.device, operator.dtype)
    return dot(z, operator @ z)
