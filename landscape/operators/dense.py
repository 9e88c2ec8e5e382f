"""Operators with a known answer, for tests and for small problems."""

from collections.abc import Callable

import torch
from torch import Tensor

from landscape.operators.symmetric_operator import SymmetricOperator


class Dense(SymmetricOperator):
    """A symmetric matrix as an operator.

    Args:
        matrix: Shape ``(n, n)``, symmetric.
    """

    def __init__(self, matrix: Tensor) -> None:
        self.matrix = matrix
        self.shape = (matrix.shape[0], matrix.shape[1])
        self.dtype, self.device = matrix.dtype, matrix.device

    def matvec(self, v: Tensor) -> Tensor:
        """Return matrix @ v."""
        return self.matrix @ v


class Lambda(SymmetricOperator):
    """A function v -> Hv as an operator.

    Args:
        function: The product with one vector of shape ``(n,)``; the map must be linear and symmetric.
        size: n.
        dtype: Precision of vectors in and out.
        device: Where vectors live.
    """

    def __init__(
        self,
        function: Callable[[Tensor], Tensor],
        size: int,
        dtype: torch.dtype = torch.float32,
        device: torch.device | str = "cpu",
    ) -> None:
        self.function = function
        self.shape = (size, size)
        self.dtype, self.device = dtype, torch.device(device)

    def matvec(self, v: Tensor) -> Tensor:
        """Return function(v)."""
        return self.function(v)
