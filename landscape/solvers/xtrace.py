"""The trace by XTrace: every random vector serves the low-rank part and the probe of what is left."""

from functools import partial

import numpy as np
import torch
from torch import Tensor

from landscape.operators.symmetric_operator import SymmetricOperator
from landscape.solvers.basis import extended
from landscape.solvers.beyond_sketch import Beyond, Fresh, Pool, as_number
from landscape.solvers.estimate import Estimate, StoppingRule, check_block_size, mean_and_error
from landscape.solvers.multiplied_out import exact_value, multiply_out
from landscape.solvers.probes import sphere
from landscape.solvers.sketch import Sketch, left_out
from landscape.solvers.unit_scale import UnitScale, in_unit_scale

CORRELATION = 1.25
"""How much more the mean of leave-one-out estimates varies than that of independent ones; measured, see there."""


@in_unit_scale(UnitScale.estimate)
def xtrace(
    operator: SymmetricOperator,
    *,
    rtol: float = 0.02,
    min_matvecs: int = 24,
    max_matvecs: int = 1000,
    seed: int = 0,
    block_size: int = 2,
    max_vectors: int | None = None,
) -> Estimate:
    r"""Return the trace of an operator by XTrace, unbiased, with its standard error.

    With random $\omega_1, \ldots, \omega_k$ of length $\sqrt n$, and $Q_{(i)}$ an orthonormal basis of all
    $H\omega_j$ but $H\omega_i$,

    $$t_i = \operatorname{tr}(Q_{(i)}^\top H Q_{(i)}) + \frac{n-k+1}{|\nu_i|^2}\,\nu_i^\top H \nu_i, \qquad
    \nu_i = (I - Q_{(i)}Q_{(i)}^\top)\,\omega_i,$$

    and the estimate is their mean. $\nu_i$ is a uniform direction, independent of $Q_{(i)}$: each $t_i$ is unbiased.

    Args:
        operator: Any symmetric operator.
        rtol: Stop when the standard error is at most ``rtol`` times the magnitude of the mean.
        min_matvecs: Products before the standard error is trusted.
        max_matvecs: Stop here at the latest; then ``converged`` is False.
        seed: Of the test vectors; vector i is the same whatever the tolerance.
        block_size: Test vectors added at a time, at least; later a sixteenth of those there are.
        max_vectors: Test vectors kept at most; what fits 2 GiB, but 8 in any case, when None. Beyond, the basis stays
            and $\operatorname{tr}(Q^\top H Q)$ is completed by fresh directions outside of it, a product each.

    Returns:
        The estimate. Its error is the spread of the $t_i$ over $\sqrt k$, with Student's factor for k - 1, and a
        quarter more, as they are not quite independent: without either it was 0.72 to 0.93 of the true standard
        deviation (300 seeds each on spectra that are flat, decay slowly or fast, and are indefinite, with 8, 16 and 40
        test vectors). Heuristic: with both, 95 to 100 % of 60 seeds on six spectra and two networks were within two
        errors with 8 and 16 vectors, 88 to 100 % with four.

    Raises:
        UsageError: If a tolerance or a count is out of its range.

    Cost:
        Two products a test vector, three vectors of length n kept for each (four while one of them grows). The error
        falls like the part of the spectrum that the best approximation of rank k leaves out, over $\sqrt k$: faster
        than 1/k where eigenvalues decay, as one over the square root where they do not. An operator of rank below k is
        exact, to rounding, and one of at most ``min_matvecs`` parameters is multiplied out.

    References:
        Epperly, Tropp, Webber 2024, "XTrace: making the most of every sample in stochastic trace estimation".
    """
    rule = StoppingRule(rtol, min_matvecs, max_matvecs)
    check_block_size(block_size)
    if operator.shape[0] <= min_matvecs:
        return exact_value(float(multiply_out(operator).trace()), operator.shape[0])
    sketch = Sketch(operator, sphere, seed, "xtrace", max_vectors)
    small = LeaveOneOut(sketch)
    while True:
        sketch.grow(min(max(block_size, len(sketch) // 16), (max_matvecs - sketch.matvecs) // 2))
        if sketch.exhausted:
            return exact_trace(sketch)
        small.update()
        estimate = rule.estimate(*mean_and_spread(small.traces()), sketch.matvecs, len(sketch))
        if estimate.converged or max_matvecs - sketch.matvecs < 2:
            return estimate
        if sketch.full:
            pool = Pool(estimate.value, estimate.error, len(sketch))
            beyond = Beyond(sketch, sphere, seed, "beyond xtrace", partial(_completed, sketch))
            return beyond.estimate(rule, pool, as_number(rule), spent=sketch.matvecs, block_size=block_size)


def _completed(sketch: Sketch, fresh: Fresh) -> np.ndarray:
    """Return the trace within the basis, completed by each fresh vector."""
    completed: np.ndarray = float(sketch.QHQ.trace()) + fresh.outside(sketch.QHQ)
    return completed


def exact_trace(sketch: Sketch) -> Estimate:
    """Return the trace of an operator whose range the sketch spans."""
    value = float(sketch.QHQ.trace())
    reason = "the range of the operator is spanned: exact to rounding"
    return Estimate(value, sketch.exact_error(), sketch.matvecs, converged=True, reason=reason)


def mean_and_spread(samples: np.ndarray) -> tuple[float, float]:
    """Return the mean of leave-one-out estimates and its standard error, with their correlation allowed for."""
    mean, error = mean_and_error(samples)
    return mean, CORRELATION * error


class LeaveOneOut:
    """The small matrices of a sketch, from which the estimate without each test vector in turn follows."""

    def __init__(self, sketch: Sketch) -> None:
        self.sketch = sketch
        self.W = self.T = torch.zeros(0, 0, dtype=torch.float64)

    def update(self) -> None:
        """Take in what the sketch has gained."""
        self.W = extended(self.W, self.sketch.Q, self.sketch.omega)
        self.T = extended(self.T, self.sketch.Z, self.sketch.omega)
        self.S = left_out(self.sketch.R)
        self.X = self.W - self.S * _columns(self.S, self.W)

    def scale(self) -> Tensor:
        r"""Return $(n-k+1)/|\nu_i|^2$, shape ``(k,)``."""
        n, k = self.sketch.operator.shape[0], len(self.sketch)
        rest = n - _columns(self.X, self.X)
        # a direction that happens to lie in the span, to rounding, must not divide by zero
        return (n - k + 1) / rest.clamp(min=1e-12 * n)

    def traces(self) -> np.ndarray:
        """Return the estimate without each test vector in its basis, shape ``(k,)``."""
        H, S, X = self.sketch.QHQ, self.S, self.X
        probe = _columns(self.W, self.sketch.R) - 2 * _columns(self.T, X) + _columns(X, H @ X)
        return (H.trace() - _columns(S, H @ S) + self.scale() * probe).numpy()


def _columns(a: Tensor, b: Tensor) -> Tensor:
    return (a * b).sum(0)
