"""One set of random probes for all measures that average over them."""

from collections.abc import Callable

import numpy as np
from torch import Tensor

from landscape.measures.shared_lanczos import IN_WORDS, OperatorName, most_kept, operator_of
from landscape.minimum import Minimum
from landscape.operators import SymmetricOperator
from landscape.solvers import Estimate
from landscape.solvers.element_spread import ElementSpread
from landscape.solvers.estimate import StoppingRule
from landscape.solvers.hessian_trace import LEAST_PROBES
from landscape.solvers.probes import SymmetryCheck, draw_probes, products, signs


class ProbeProducts:
    """Products of an operator with random signs, the first ones kept.

    Probe i depends on the seed and i alone, and is that of `hutchinson`; the same for every operator.

    Args:
        operator: Any symmetric operator.
        seed: Of the probes.
        most: How many are kept.

    Attributes:
        matvecs: Products spent so far.
    """

    def __init__(self, operator: SymmetricOperator, seed: int, most: int) -> None:
        self.operator, self.seed, self.matvecs = operator, seed, 0
        self._kept: dict[int, Tensor] = {}
        self._check, self._most = SymmetryCheck(operator), most

    def __call__(self, index: int) -> tuple[Tensor, Tensor]:
        """Return probe i and its product, each of shape ``(n,)``."""
        z = draw_probes(self.operator, signs, self.seed, "hutchinson", [index])
        if index in self._kept:
            return z[0], self._kept[index]
        product = products(self.operator, z)
        self.matvecs += 1
        self._check.add(z, product)
        if len(self._kept) < self._most:
            self._kept[index] = product[0]
        return z[0], product[0]


def probe_products(minimum: Minimum, name: OperatorName, seed: int) -> ProbeProducts:
    """Return the probes of the Hessian or the Gauss-Newton matrix that all measures of a minimum share."""
    operator = operator_of(minimum, name)

    def compute() -> ProbeProducts:
        vector = operator.shape[0] * operator.dtype.itemsize
        most = most_kept(minimum) // vector
        return ProbeProducts(operator, seed, most)

    return minimum.shared((f"random probes of {IN_WORDS[name]}", seed), compute).value


def mean_over_probes(
    minimum: Minimum,
    elements: Callable[[Tensor, Tensor], Tensor],
    *,
    operator: OperatorName = "hessian",
    rtol: float,
    max_matvecs: int,
    seed: int,
    note: str = "",
) -> Estimate:
    r"""Return the mean of $z^\top WHz$ over probes z, W diagonal, stopped on its own standard error.

    Args:
        minimum: Whose operator.
        elements: (z, Hz), each of shape ``(n,)``, to the elements $z_i w_i (Hz)_i$, float64, likewise.
        operator: Which.
        rtol: Tolerance of the standard error, relative to the mean.
        max_matvecs: Most probes.
        seed: Of the probes.
        note: Why probes, to go with the reason for stopping.

    Returns:
        The estimate, whose ``matvecs`` are those beyond what other measures had done already.
    """
    rule = StoppingRule(rtol, min(LEAST_PROBES, max(2, max_matvecs)), max(2, max_matvecs))
    probes = probe_products(minimum, operator, seed)
    before, samples, spread = probes.matvecs, np.empty(0), ElementSpread()
    while True:
        fresh = elements(*probes(len(samples)))
        spread.add(fresh)
        samples = np.append(samples, float(fresh.sum()))
        value, error, count = float(samples.mean()), spread.error, len(samples)
        converged = rule.within(error, value, count, count)
        if converged or count >= rule.max_matvecs:
            reason = f"{rule.reason(converged=converged, vectors=count)}, {count} probes"
            reason += f" ({note})" if note else ""
            return Estimate(value, error, probes.matvecs - before, converged, reason, method="hutchinson")


def elementwise(a: Tensor, b: Tensor) -> Tensor:
    """Return the elements of an inner product, in float64."""
    return a.double() * b.double()
