"""The trace by Hutch++: exact on a random low-rank part, probes on what is left."""

from functools import partial

import numpy as np
import torch

from landscape.errors import UsageError
from landscape.operators.symmetric_operator import SymmetricOperator
from landscape.solvers.basis import GrowingRows, extended
from landscape.solvers.beyond_sketch import Beyond, Fresh, Pool, as_number
from landscape.solvers.estimate import Estimate, StoppingRule, check_block_size, mean_and_error
from landscape.solvers.multiplied_out import exact_value, multiply_out
from landscape.solvers.probes import draw_probes, products, row_dots, signs, sphere
from landscape.solvers.sketch import Sketch
from landscape.solvers.unit_scale import UnitScale, in_unit_scale
from landscape.solvers.xtrace import exact_trace

_PROBE = "hutchpp probe"


@in_unit_scale(UnitScale.estimate)
def hutchpp(
    operator: SymmetricOperator,
    *,
    rtol: float = 0.02,
    min_matvecs: int = 24,
    max_matvecs: int = 1000,
    seed: int = 0,
    block_size: int = 2,
    max_vectors: int | None = None,
) -> Estimate:
    r"""Return the trace of an operator by Hutch++, unbiased, with its standard error.

    $$\operatorname{tr} H = \operatorname{tr}(Q^\top H Q) + E[z^\top (I - QQ^\top) H (I - QQ^\top) z],$$

    with Q a basis of the products with random vectors, and independent random signs z. A third of the products
    goes to each of: finding Q, HQ, and the probes. When Q grows, the products with the probes are used again.

    Args:
        operator: Any symmetric operator.
        rtol: Stop when the standard error is at most ``rtol`` times the magnitude of the estimate.
        min_matvecs: Products before the standard error is trusted (a third of them are probes).
        max_matvecs: Stop here at the latest; then ``converged`` is False.
        seed: Of the test vectors and the probes; each is the same whatever the tolerance.
        block_size: Test vectors, and probes, added at a time, at least; later a sixteenth of those there are.
        max_vectors: Test vectors kept at most, and as many probes; what fits 2 GiB, but 8 in any case, when None.
            Beyond, the basis stays, and probes are not kept.

    Returns:
        The estimate. Its error is the spread over the k probes with Student's factor for k - 1. Where the spectrum
        decays, what is left outside is that of few eigenvectors and scatters unevenly: there 85 to 100 % of 60 seeds
        were within two errors with 8 and 16 probes, 82 to 95 % with four; 93 to 100 % on networks.

    Raises:
        UsageError: If a tolerance or a count is out of its range.

    Cost:
        Three products a probe, four vectors of length n kept for each (five while one of them grows). The error falls
        like one over the number of products at worst for semidefinite operators, as one over its square root for
        others whose eigenvalues do not decay.

    References:
        Meyer, Musco, Musco, Woodruff 2021, "Hutch++: optimal stochastic trace estimation", algorithm 1.
    """
    rule = StoppingRule(rtol, min_matvecs, max_matvecs)
    check_block_size(block_size)
    if max_matvecs < 3:
        raise UsageError(f"Hutch++ needs at least 3 products; max_matvecs is {max_matvecs}.")
    if operator.shape[0] <= min_matvecs:
        return exact_value(float(multiply_out(operator).trace()), operator.shape[0])
    sketch = Sketch(operator, sphere, seed, "hutchpp range", max_vectors)
    probes = _Probes(operator, seed, sketch.most)
    while True:
        spent = sketch.matvecs + probes.matvecs
        count = min(max(block_size, len(sketch) // 16), sketch.most - len(sketch), (max_matvecs - spent) // 3)
        if count > 0:
            sketch.grow(count)
            if sketch.exhausted:
                found = exact_trace(sketch)
                return Estimate(found.value, found.error, sketch.matvecs + probes.matvecs, True, found.reason)
            probes.grow(count)
        spent = sketch.matvecs + probes.matvecs
        samples = float(sketch.QHQ.trace()) + probes.outside(sketch)
        estimate = rule.estimate(*mean_and_error(samples), spent, len(samples))
        if estimate.converged or max_matvecs - spent < 3:
            return estimate
        if sketch.full:
            pool = Pool(estimate.value, estimate.error, len(samples))
            pool.add(samples)
            beyond = Beyond(sketch, signs, seed, _PROBE, partial(_completed, sketch))
            return beyond.estimate(
                rule, pool, as_number(rule), spent=spent, block_size=block_size, drawn=probes.matvecs
            )


def _completed(sketch: Sketch, fresh: Fresh) -> np.ndarray:
    """Return the trace within the basis, completed by each fresh probe."""
    return float(sketch.QHQ.trace()) + fresh.outside(sketch.QHQ)


class _Probes:
    """Random signs with their products, seen outside a growing basis."""

    def __init__(self, operator: SymmetricOperator, seed: int, most: int) -> None:
        self._operator, self._seed = operator, seed
        self._rows = GrowingRows(operator.shape[0], torch.empty(0, dtype=operator.dtype, device=operator.device), most)
        self._plain = self._W = self._T = torch.zeros(0, 0, dtype=torch.float64)

    @property
    def matvecs(self) -> int:
        return len(self._rows)

    def grow(self, count: int) -> None:
        indices = range(len(self._rows), len(self._rows) + count)
        fresh = draw_probes(self._operator, signs, self._seed, _PROBE, indices)
        plain = row_dots(fresh, products(self._operator, fresh))
        self._plain = torch.cat([self._plain.reshape(-1), plain])
        self._rows.append(fresh)

    def outside(self, sketch: Sketch) -> np.ndarray:
        """Return z'(I - QQ')H(I - QQ')z of each probe, shape ``(probes,)``."""
        self._W = extended(self._W, sketch.Q, self._rows.rows)
        self._T = extended(self._T, sketch.Z, self._rows.rows)
        inside = (self._W * (sketch.QHQ @ self._W)).sum(0)
        return (self._plain - 2 * (self._W * self._T).sum(0) + inside).numpy()
