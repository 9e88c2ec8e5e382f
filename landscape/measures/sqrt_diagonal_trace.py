"""Adam's own regulariser: the sum of the roots of the Hessian's diagonal."""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from landscape.errors import ProblemError
from landscape.measures.measurement import Measure, Measurement
from landscape.measures.shared_diagonal import exact_diagonal, multiplied_out, piecewise_linear, shared_squares
from landscape.measures.shared_lanczos import IN_WORDS, OperatorName
from landscape.measures.shared_probes import ProbeProducts, probe_products
from landscape.minimum import Minimum
from landscape.registry import measures

_BLIND_SPOT = (
    "It weighs the many nearly flat coordinates more than a trace does; elements of the diagonal below zero count as "
    "zero, and rescaling neurons that leaves the function unchanged moves it."
)
_SLOWEST = 2**0.25 - 1
"""By how much a bias that falls as slowly as it can, as the fourth root of the probes, changes from half to all."""


@dataclass(frozen=True)
class _Diagonal:
    """An estimate of a diagonal, and two from half the probes each (None where it is exact)."""

    values: Tensor
    halves: tuple[Tensor, Tensor] | None
    matvecs: int = 0
    passes: int = 0
    how: str = ""


def sqrt_diagonal_trace(
    minimum: Minimum, *, seed: int = 0, rtol: float = 0.05, max_matvecs: int = 400, operator: OperatorName = "hessian"
) -> Measurement:
    r"""Return $\operatorname{tr}(\operatorname{Diag}(H)^{1/2}) = \sum_i \max(H_{ii}, 0)^{1/2}$.

    Exact where the network is piecewise linear or has at most ``max_matvecs`` parameters, and always for the
    Gauss-Newton matrix. Elsewhere the diagonal is that of G, exactly, plus the mean of $z_i((H - G)z)_i$ over random
    signs; roots of a noisy diagonal are biased, and how much is read off halves of the probes.

    Args:
        minimum: What to measure.
        seed: Of the probes.
        rtol: Tolerance of the error, relative to the value.
        max_matvecs: Most products with the Hessian.
        operator: ``"hessian"`` or ``"gauss_newton"``.

    Returns:
        The sum; ``details`` has the share of negative elements of the diagonal, which count as zero, and the sum of
        the roots of their magnitudes, which is what that leaves out. The error of an estimate is what the bias can be
        from the difference between halves and all of the probes (it falls at least as the fourth root of their
        number), plus half the halves' own difference.

    Cost:
        One backward pass an output, shared with the trace; on smooth networks 16 to 400 products and as many with G.

    Invariances:
        Permutation of neurons. None under rescaling of layers or neurons.

    References:
        Li, Wen, Lyu 2025, on what Adam minimises near the manifold of minimizers: $\operatorname{tr}
        (\operatorname{Diag}(H)^{1/2})$, where SGD minimises $\operatorname{tr} H$.
    """
    exact = _exact(minimum, operator, max_matvecs, seed)
    if exact is not None:
        return _measurement(exact, 32 * float(torch.finfo(minimum.hessian.dtype).eps), rtol, operator)
    estimates = _estimates(minimum, max(2, max_matvecs), seed)
    found = next(estimates)
    while _error(found) > rtol * _roots(found.values):
        better = next(estimates, None)
        if better is None:
            break
        found = better
    return _measurement(found, 0.0, rtol, operator)


def _exact(minimum: Minimum, name: OperatorName, max_matvecs: int, seed: int) -> _Diagonal | None:
    if name == "gauss_newton":
        squares, fresh = shared_squares(minimum)
        how = "exact up to rounding: squared gradients of single examples"
        return _Diagonal(squares.diagonal, None, passes=squares.passes if fresh else 0, how=how)
    found = exact_diagonal(minimum, seed)
    if found is not None:
        return _Diagonal(found.values, None, passes=found.passes, how=f"exact up to rounding: {found.why}")
    n = minimum.problem.num_parameters
    if n > max_matvecs:
        return None
    H, fresh = multiplied_out(minimum)
    return _Diagonal(H.diag(), None, matvecs=n if fresh else 0, how="multiplied out: exact to rounding")


def _estimates(minimum: Minimum, max_matvecs: int, seed: int) -> Iterator[_Diagonal]:
    """Go through estimates from 16, 32, 64 ... probes."""
    H, G, known, passes = probe_products(minimum, "hessian", seed), None, None, 0
    try:
        squares, fresh = shared_squares(minimum)
        G, known = probe_products(minimum, "gauss_newton", seed), squares.diagonal
        passes = squares.passes if fresh else 0
    except ProblemError:
        pass  # gradients of single examples cannot be had; the probes alone then
    halves = [torch.zeros_like(minimum.theta, dtype=torch.float64) for _ in range(2)]
    count, size, start = 0, 16, H.matvecs
    why = piecewise_linear(minimum, seed)[1]
    while True:
        while count < min(size, max_matvecs // 2 * 2):
            halves[count % 2] += _sample(H, G, count)
            count += 1
        means = [half / (count // 2) + (0.0 if known is None else known) for half in halves]
        how = f"{count} probes{'' if known is None else ' of H - G'} (not exact: {why})"
        yield _Diagonal((means[0] + means[1]) / 2, (means[0], means[1]), H.matvecs - start, passes, how)
        if size >= max_matvecs:
            return
        size *= 2


def _sample(H: ProbeProducts, G: ProbeProducts | None, index: int) -> Tensor:
    z, Hz = H(index)
    rest = Hz.double() if G is None else Hz.double() - G(index)[1].double()
    return z.double() * rest


def _roots(values: Tensor) -> float:
    return float(values.clamp(min=0).sqrt().sum())


def _error(found: _Diagonal) -> float:
    if found.halves is None:
        return 0.0
    one, other = (_roots(half) for half in found.halves)
    bias = abs((one + other) / 2 - _roots(found.values)) / _SLOWEST
    return bias + abs(one - other) / 2


def _measurement(found: _Diagonal, rounding: float, rtol: float, name: OperatorName) -> Measurement:
    value = _roots(found.values)
    error = _error(found) + rounding * value
    negative = found.values < 0
    return Measurement(
        value=value,
        error=error,
        error_kind="rounding" if found.halves is None else "standard error",
        matvecs=found.matvecs,
        passes=found.passes,
        converged=error <= rtol * value or found.halves is None,
        reason=found.how,
        caveat=f"Of {IN_WORDS[name]}. {_BLIND_SPOT}",
        details={
            "negative_share": float(negative.double().mean()),
            "roots_of_negative": _roots(-found.values[negative]),
        },
    )


measures.register("sqrt_diagonal_trace", "tr(Diag(H)^(1/2)), Adam's regulariser; negative elements count as zero")(
    Measure(
        sqrt_diagonal_trace,
        "root diagonal trace",
        r"\operatorname{tr} \operatorname{Diag}(H)^{1/2}",
        _BLIND_SPOT,
        "root diagonal trace",
        15,
    )
)
