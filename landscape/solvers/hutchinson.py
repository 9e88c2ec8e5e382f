"""The trace from random probes, stopped on its own standard error."""

import numpy as np

from landscape.operators.symmetric_operator import SymmetricOperator
from landscape.solvers.element_spread import ElementSpread
from landscape.solvers.estimate import Estimate, StoppingRule, check_block_size
from landscape.solvers.probes import SymmetryCheck, draw_probes, products, row_dots, signs


def hutchinson(
    operator: SymmetricOperator,
    *,
    rtol: float = 0.02,
    min_matvecs: int = 16,
    max_matvecs: int = 1000,
    seed: int = 0,
    block_size: int = 1,
    known: float = 0.0,
) -> Estimate:
    r"""Return the trace of an operator, unbiased, with its standard error.

    $$\operatorname{tr} H = E[z^\top H z], \qquad z_i = \pm 1 \text{ with equal chance,}$$

    of variance $2\sum_{i\neq j} H_{ij}^2$ a probe: a diagonal operator has none. The error is not from the spread of
    the $z^\top Hz$, which now and then happen to agree, but from that of the $z_i(Hz)_i$ (:class:`ElementSpread`).

    Args:
        operator: Any symmetric operator.
        rtol: Stop when the standard error is at most ``rtol`` times the magnitude of the mean.
        min_matvecs: Probes before the standard error is trusted (from few probes it is itself too uncertain).
        max_matvecs: Stop here at the latest; then ``converged`` is False.
        seed: Of the probes; probe i is the same whatever the tolerance and the size of a block.
        block_size: Probes multiplied at a time.
        known: A part of the trace that is known, added to the operator's: what a control variate leaves out.

    Returns:
        The estimate. Of 500 seeds each on ten spectra and two networks, 95 to 100 % were within two errors with 4 to 32
        probes (99 to 100 % with two), and 93 to 98 % of 200 that went on to 5 or 2 %,
        or to 400 probes.

    Raises:
        UsageError: If a tolerance or a count is out of its range.

    Cost:
        One product a probe and a vector of length n; the standard error falls as one over the square root of their
        number.

    References:
        Hutchinson 1990, "A stochastic estimator of the trace of the influence matrix".
    """
    rule = StoppingRule(rtol, min_matvecs, max_matvecs)
    check_block_size(block_size)
    samples, spread, check = np.empty(0), ElementSpread(), SymmetryCheck(operator)
    while True:
        indices = range(len(samples), min(len(samples) + block_size, max_matvecs))
        z = draw_probes(operator, signs, seed, "hutchinson", indices)
        product = products(operator, z)
        check.add(z, product)
        samples = np.append(samples, known + row_dots(z, product).numpy())
        spread.add(z * product)
        estimate = rule.estimate(float(samples.mean()), spread.error, len(samples), len(samples))
        if estimate.converged or len(samples) >= max_matvecs:
            return estimate
