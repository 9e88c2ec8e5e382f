"""Small operators: a product with every unit vector costs no more than an estimate."""

import torch
from torch import Tensor

from landscape.operators.symmetric_operator import SymmetricOperator
from landscape.solvers.eigenpairs import rounding_of_products
from landscape.solvers.estimate import Estimate
from landscape.solvers.probes import products

REASON = "multiplied out: exact to rounding"
SMALL = 64
"""Parameters up to which a matrix is multiplied out rather than probed: fewer products than most estimates take."""


def multiply_out(operator: SymmetricOperator) -> Tensor:
    """Return the whole matrix in float64 on the CPU, shape ``(n, n)``, at n products."""
    rows = products(operator, torch.eye(operator.shape[0], dtype=operator.dtype, device=operator.device))
    return rows.double().cpu()


def exact_value(value: float, n: int) -> Estimate:
    """Return a number that was read off the matrix, as an estimate without error."""
    return Estimate(value, 0.0, n, converged=True, reason=REASON)


def exact_diagonal_sum(matrix: Tensor, operator: SymmetricOperator, weights: Tensor | None = None) -> Estimate:
    r"""Return $\sum_i w_i H_{ii}$ off the matrix of an operator; the $w_i$, shape ``(n,)``, are ones when None."""
    w = torch.ones(len(matrix), dtype=torch.float64) if weights is None else weights.double().cpu()
    error = rounding_of_products(operator.dtype, float(w.abs() @ matrix.norm(dim=1)))
    return Estimate(float(w @ matrix.diag()), error, len(matrix), converged=True, reason=REASON, method="exact")
