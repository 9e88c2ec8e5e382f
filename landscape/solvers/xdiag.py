"""The diagonal by XDiag: every random vector serves the low-rank part and the probe of what is left."""

from functools import partial

import numpy as np
import torch
from torch import Tensor

from landscape.errors import UsageError
from landscape.operators.symmetric_operator import SymmetricOperator
from landscape.solvers.beyond_sketch import Beyond, Fresh, Pool
from landscape.solvers.estimate import DiagonalEstimate, StoppingRule, check_block_size, student_factor
from landscape.solvers.multiplied_out import REASON, multiply_out
from landscape.solvers.probes import signs
from landscape.solvers.sketch import Sketch, left_out
from landscape.solvers.unit_scale import UnitScale, in_unit_scale

_CHUNK = 2**14
_SMALL = 32


@in_unit_scale(UnitScale.diagonal)
def xdiag(
    operator: SymmetricOperator,
    *,
    rtol: float = 0.1,
    min_matvecs: int = 16,
    max_matvecs: int = 1000,
    seed: int = 0,
    block_size: int = 4,
    max_vectors: int | None = None,
) -> DiagonalEstimate:
    r"""Return the diagonal of an operator by XDiag, unbiased, with the standard error of each element.

    With random signs $\omega_1, \ldots, \omega_k$, and $Q_{(i)}$ an orthonormal basis of all $H\omega_j$ but
    $H\omega_i$,

    $$d_i = \operatorname{diag}(Q_{(i)}Q_{(i)}^\top H) + \omega_i \odot (I - Q_{(i)}Q_{(i)}^\top) H \omega_i,$$

    and the estimate is their mean.

    Args:
        operator: Any symmetric operator.
        rtol: Stop when the length of the standard errors is at most ``rtol`` times the length of the diagonal.
        min_matvecs: Products before the standard errors are trusted.
        max_matvecs: Stop here at the latest; then ``converged`` is False.
        seed: Of the test vectors; vector i is the same whatever the tolerance.
        block_size: Test vectors added at a time, at least; later an eighth of those there are.
        max_vectors: As in `xtrace`.

    Returns:
        The estimate. The errors are the spread of the $d_i$ over $\sqrt k$, as if they were independent, with
        Student's factor for k - 1. Without it they were 0.8 to 1 of the true ones in trials, the lower the faster the
        spectrum decays.

    Raises:
        UsageError: If a tolerance or a count is out of its range, or if the operator is so small that random signs
            repeat themselves and ``max_matvecs`` does not allow to multiply it out.

    Cost:
        Two products a test vector, three vectors of length n kept for each (four while one of them grows). Operators
        of size 32 and less are multiplied out, at n products.

    References:
        Epperly, Tropp, Webber 2024, "XTrace: making the most of every sample in stochastic trace estimation",
        section 2.4.
    """
    rule = StoppingRule(rtol, min_matvecs, max_matvecs)
    check_block_size(block_size)
    if operator.shape[0] <= max(_SMALL, min_matvecs):
        return _multiplied_out(operator, max_matvecs)
    sketch = Sketch(operator, signs, seed, "xdiag", max_vectors)
    while True:
        count = max(block_size, len(sketch) // 8)
        sketch.grow(min(count, (max_matvecs - sketch.matvecs) // 2))
        if sketch.exhausted:
            return _exact(sketch)
        if len(sketch) < 2:
            continue
        values, errors = leave_one_out_diagonal(sketch)
        estimate = _judged(rule, values, errors, sketch.matvecs, len(sketch))
        if estimate.converged or max_matvecs - sketch.matvecs < 2:
            return estimate
        if sketch.full:
            pool, within = Pool(values, errors, len(sketch)), _within(sketch)
            beyond = Beyond(sketch, signs, seed, "beyond xdiag", partial(_completed, sketch, within))
            judge = partial(_judged, rule)
            return beyond.estimate(rule, pool, judge, spent=sketch.matvecs, block_size=block_size)


def _judged(rule: StoppingRule, values: np.ndarray, errors: np.ndarray, matvecs: int, vectors: int) -> DiagonalEstimate:
    converged = rule.within(float(np.linalg.norm(errors)), float(np.linalg.norm(values)), matvecs, vectors)
    return DiagonalEstimate(values, errors, matvecs, converged, rule.reason(converged=converged, vectors=vectors))


def _within(sketch: Sketch) -> np.ndarray:
    """Return diag(QQ'H), shape ``(n,)``."""
    parts = [
        (sketch.Q[:, start : start + _CHUNK].double() * sketch.Z[:, start : start + _CHUNK].double()).sum(0)
        for start in range(0, sketch.operator.shape[0], _CHUNK)
    ]
    return _joined(parts)


def _completed(sketch: Sketch, within: np.ndarray, fresh: Fresh) -> np.ndarray:
    """Return the diagonal within the basis, completed by each fresh vector, shape ``(b, n)``."""
    outside = fresh.products - fresh.T.T.to(sketch.Q) @ sketch.Q
    completed: np.ndarray = within + (fresh.omega * outside).double().cpu().numpy()
    return completed


def leave_one_out_diagonal(sketch: Sketch) -> tuple[np.ndarray, np.ndarray]:
    r"""Return the mean and the standard error over i of the diagonal without test vector i, each ``(n,)``.

    With $s_i$ as in :func:`left_out`: $d_i = \operatorname{diag}(QZ^\top) - Qs_i \odot Zs_i
    + (s_i^\top R_i)\, \omega_i \odot Qs_i$.
    """
    S = left_out(sketch.R).to(sketch.Q.device)
    along = (S * sketch.R.to(S.device)).sum(0)
    values, errors = [], []
    for start in range(0, sketch.operator.shape[0], _CHUNK):
        part = slice(start, start + _CHUNK)
        Q, Z, omega = (each[:, part].double().T for each in (sketch.Q, sketch.Z, sketch.omega))
        QS = Q @ S
        change = QS * (along * omega - Z @ S)
        values.append((Q * Z).sum(1) + change.mean(1))
        errors.append(change.std(1) * (student_factor(len(sketch) - 1) / len(sketch) ** 0.5))
    return _joined(values), _joined(errors)


def _exact(sketch: Sketch) -> DiagonalEstimate:
    """Return the diagonal of an operator whose range the sketch spans."""
    values = _within(sketch)
    reason = "the range of the operator is spanned: exact to rounding"
    return DiagonalEstimate(values, np.full(len(values), sketch.leak), sketch.matvecs, converged=True, reason=reason)


def _multiplied_out(operator: SymmetricOperator, max_matvecs: int) -> DiagonalEstimate:
    n = operator.shape[0]
    if n > max_matvecs:
        raise UsageError(
            f"An operator of size {n} is multiplied out, and max_matvecs is {max_matvecs}. Allow {n} products."
        )
    values = multiply_out(operator).diag().numpy()
    return DiagonalEstimate(values, np.zeros(n), n, converged=True, reason=REASON)


def _joined(parts: list[Tensor]) -> np.ndarray:
    return torch.cat(parts).cpu().numpy()
