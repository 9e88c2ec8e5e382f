"""Diagonals of the Hessian and the Gauss-Newton matrix, had once for all measures that weigh them."""

import dataclasses
from dataclasses import dataclass

from torch import Tensor

from landscape.diagonal import Squares, gauss_newton_squares, output_dimension
from landscape.errors import ProblemError
from landscape.measures.shared_probes import elementwise, mean_over_probes
from landscape.minimum import Minimum
from landscape.shared_work import Shared
from landscape.solvers import Estimate
from landscape.solvers.hessian_trace import MOST_COLUMNS, exact_trace, recognise
from landscape.solvers.multiplied_out import SMALL, exact_diagonal_sum, multiply_out


def shared_squares(minimum: Minimum) -> Shared[Squares]:
    """Return the diagonal of the Gauss-Newton matrix, exactly, by one backward pass an output.

    Raises:
        ProblemError: If the network or its loss does not allow it; says why.
    """
    hessian = minimum.hessian
    return minimum.shared(
        ("Gauss-Newton diagonal",),
        lambda: gauss_newton_squares(hessian.problem, hessian.theta, memory=hessian.batches.half()),
    )


def piecewise_linear(minimum: Minimum, seed: int) -> tuple[bool, str]:
    """Return whether the Hessian's diagonal is that of the Gauss-Newton matrix, and why or why not, in words."""
    return minimum.shared(("recognition of the network", seed), lambda: recognise(minimum.hessian, seed)).value


@dataclass(frozen=True)
class ExactDiagonal:
    """The Hessian's diagonal by backward passes.

    Attributes:
        values: Shape ``(n,)``, float64.
        passes: Backward passes that it took for this call; 0 where another measure had it already.
        why: How it is known to be exact, in words.
    """

    values: Tensor
    passes: int
    why: str


def exact_diagonal(minimum: Minimum, seed: int) -> ExactDiagonal | None:
    """Return the Hessian's diagonal where backward passes give it exactly.

    None for networks that are not piecewise linear, or have more than 64 outputs.
    """
    holds, why = piecewise_linear(minimum, seed)
    if not holds or output_dimension(minimum.problem) > MOST_COLUMNS:
        return None
    try:
        squares, fresh = shared_squares(minimum)
    except ProblemError:
        return None
    return ExactDiagonal(squares.diagonal, squares.passes if fresh else 0, why)


def exact_weighted_trace(minimum: Minimum, found: ExactDiagonal, weights: Tensor | None) -> Estimate:
    r"""Return $\sum_i w_i H_{ii}$ of a diagonal that is known; the $w_i$ are ones when None."""
    diagonal = found.values if weights is None else weights.double() * found.values
    return exact_trace(diagonal, minimum.hessian.dtype, found.why, found.passes)


def multiplied_out(minimum: Minimum) -> Shared[Tensor]:
    """Return the Hessian as a matrix in float64 on the CPU, shape ``(n, n)``, at n products."""
    return minimum.shared(("Hessian multiplied out",), lambda: multiply_out(minimum.hessian))


def multiplied_out_trace(minimum: Minimum, weights: Tensor | None, max_matvecs: int) -> Estimate | None:
    r"""Return $\sum_i w_i H_{ii}$ off the whole matrix where it is small, as up to 64 parameters; None elsewhere."""
    if minimum.problem.num_parameters > min(SMALL, max_matvecs):
        return None
    matrix, fresh = multiplied_out(minimum)
    found = exact_diagonal_sum(matrix, minimum.hessian, weights)
    return found if fresh else dataclasses.replace(found, matvecs=0)


def weighted_trace(minimum: Minimum, weights: Tensor | None, *, rtol: float, max_matvecs: int, seed: int) -> Estimate:
    r"""Return $\sum_i w_i H_{ii}$: exactly where the network is piecewise linear or small, else by random probes.

    Args:
        minimum: Whose Hessian.
        weights: The $w_i$, shape ``(n,)``; ones when None.
        rtol: Tolerance of the standard error, relative to the value.
        max_matvecs: Most probes.
        seed: Of the probes.

    Returns:
        The estimate; ``matvecs`` and ``passes`` are its own, beyond what other measures had done already.
        ``method`` is ``"exact"`` or ``"hutchinson"``.
    """
    found = exact_diagonal(minimum, seed)
    if found is not None:
        return exact_weighted_trace(minimum, found, weights)
    small = multiplied_out_trace(minimum, weights, max_matvecs)
    if small is not None:
        return small
    W = None if weights is None else weights.double()

    def elements(z: Tensor, Hz: Tensor) -> Tensor:
        return elementwise(z if W is None else W * z, Hz)

    holds, why = piecewise_linear(minimum, seed)
    note = "" if holds else f"not exact: {why}"
    return mean_over_probes(minimum, elements, rtol=rtol, max_matvecs=max_matvecs, seed=seed, note=note)
