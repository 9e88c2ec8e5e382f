"""The diagonal from random probes, stopped on its own standard errors."""

import numpy as np

from landscape.operators.symmetric_operator import SymmetricOperator
from landscape.solvers.estimate import DiagonalEstimate, StoppingRule, check_block_size, student_factor
from landscape.solvers.probes import draw_probes, products, signs
from landscape.solvers.unit_scale import UnitScale, in_unit_scale


@in_unit_scale(UnitScale.diagonal)
def hutchinson_diagonal(
    operator: SymmetricOperator,
    *,
    rtol: float = 0.1,
    min_matvecs: int = 16,
    max_matvecs: int = 1000,
    seed: int = 0,
    block_size: int = 1,
) -> DiagonalEstimate:
    r"""Return the diagonal of an operator, unbiased, with the standard error of each element.

    $$H_{ii} = E[z_i (Hz)_i], \qquad z_i = \pm 1 \text{ with equal chance,}$$

    of variance $\sum_{j\neq i} H_{ij}^2$ a probe.

    Args:
        operator: Any symmetric operator.
        rtol: Stop when the length of the standard errors is at most ``rtol`` times the length of the diagonal.
        min_matvecs: Probes before the standard errors are trusted.
        max_matvecs: Stop here at the latest; then ``converged`` is False.
        seed: Of the probes; probe i is the same whatever the tolerance and the size of a block.
        block_size: Probes multiplied at a time.

    Raises:
        UsageError: If a tolerance or a count is out of its range.

    Cost:
        One product a probe; the errors fall as one over the square root of their number. Two vectors of length n.

    References:
        Bekas, Kokiopoulou, Saad 2007, "An estimator for the diagonal of a matrix", section 2.
    """
    rule = StoppingRule(rtol, min_matvecs, max_matvecs)
    check_block_size(block_size)
    mean, squares, count = np.zeros(operator.shape[0]), np.zeros(operator.shape[0]), 0
    while True:
        z = draw_probes(
            operator, signs, seed, "hutchinson diagonal", range(count, min(count + block_size, max_matvecs))
        )
        for sample in (z.double() * products(operator, z).double()).cpu().numpy():
            count += 1
            step = sample - mean
            mean += step / count
            squares += step * (sample - mean)
        errors = student_factor(max(count - 1, 1)) * np.sqrt(squares / (count * max(count - 1, 1)))
        converged = rule.within(float(np.linalg.norm(errors)), float(np.linalg.norm(mean)), count, count)
        if converged or count >= max_matvecs:
            return DiagonalEstimate(mean, errors, count, converged, rule.reason(converged=converged, vectors=count))
