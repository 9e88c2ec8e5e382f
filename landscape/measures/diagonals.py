"""Exact diagonals of a minimum, one computation for all measures that need them."""

from dataclasses import dataclass

from torch import Tensor

from landscape.diagonal import gauss_newton_squares
from landscape.errors import ProblemError
from landscape.minimum import Minimum
from landscape.solvers.hessian_trace import recognise


@dataclass(frozen=True)
class Diagonal:
    """An exact diagonal without the weight decay of the problem.

    Attributes:
        values: Shape ``(n,)``, float64; None where it cannot be had.
        passes: Backward passes over all the examples that it cost.
        why_not: Why it cannot be had.
    """

    values: Tensor | None
    passes: int = 0
    why_not: str = ""


def gauss_newton_diagonal_of(minimum: Minimum) -> Diagonal:
    """Return the diagonal of the Gauss-Newton matrix."""

    def compute() -> Diagonal:
        try:
            found = gauss_newton_squares(minimum.problem, minimum.theta, memory=minimum.memory)
        except ProblemError as error:
            return Diagonal(None, why_not=str(error).split(". ")[0])
        return Diagonal(found.diagonal - minimum.problem.weight_decay, found.passes)

    value, fresh = minimum.shared(("Gauss-Newton diagonal",), compute)
    return value if fresh else Diagonal(value.values, 0, value.why_not)


def hessian_diagonal_of(minimum: Minimum) -> Diagonal:
    """Return the diagonal of the Hessian, which can be had where the network is piecewise linear."""
    holds, why = minimum.shared(("piecewise linearity",), lambda: recognise(minimum.hessian, 0)).value
    return gauss_newton_diagonal_of(minimum) if holds else Diagonal(None, why_not=why)
