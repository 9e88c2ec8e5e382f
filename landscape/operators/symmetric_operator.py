"""What every operator is: a symmetric linear map known by its products."""

from abc import ABC, abstractmethod

import numpy as np
import torch
from scipy.sparse.linalg import LinearOperator
from torch import Tensor

from landscape.full_precision import full_precision
from landscape.ranks import ALONE, Ranks


class SymmetricOperator(ABC):
    """A real symmetric linear map of the space of vectors of shape ``(n,)``.

    Attributes:
        shape: ``(n, n)``.
        dtype: Precision of vectors in and out.
        device: Where vectors live.
        holders: The processes among which a solver deals out the vectors that it keeps, each a part; see `Problem`.
        tf32: Whether float32 products may round their factors, as PyTorch is set to; see `full_precision`.
    """

    shape: tuple[int, int]
    dtype: torch.dtype
    device: torch.device
    holders: Ranks = ALONE
    tf32 = False

    @abstractmethod
    def matvec(self, v: Tensor) -> Tensor:
        """Return the product with one vector, shape ``(n,)`` to ``(n,)``."""

    def __repr__(self) -> str:
        """Return its kind, size and precision."""
        return f"{type(self).__name__}({self.shape[0]} x {self.shape[1]}, {self.dtype}, {self.device})"

    def matmat(self, V: Tensor) -> Tensor:
        """Return the product with each column of a block, shape ``(n, k)`` to ``(n, k)``."""
        return torch.stack([self.matvec(column) for column in V.unbind(1)], dim=1)

    def __matmul__(self, v: Tensor) -> Tensor:
        """Return the product with a vector ``(n,)`` or with each column of a block ``(n, k)``.

        Raises:
            ValueError: If the first dimension is not n.
        """
        v = torch.as_tensor(v)
        if v.ndim not in (1, 2) or v.shape[0] != self.shape[0]:
            raise ValueError(f"A vector of shape {tuple(v.shape)} does not go with an operator of shape {self.shape}.")
        v = v.to(self.device, self.dtype)
        with full_precision(self.tf32):
            return self.matvec(v) if v.ndim == 1 else self.matmat(v)

    def refuse_not_finite(self, v: Tensor) -> None:  # noqa: B027 - most operators know nothing of it
        """Raise why the product with v is not finite, where the operator can tell; for solvers that found it so.

        Args:
            v: Shape ``(n,)``.
        """

    def to_scipy(self) -> LinearOperator:
        """Return the operator for ``scipy.sparse.linalg``, float64 in and out, products in ``self.dtype``."""

        def product(v: np.ndarray) -> np.ndarray:
            result = self @ torch.from_numpy(np.ascontiguousarray(v))
            return result.double().cpu().numpy()

        return LinearOperator(self.shape, matvec=product, rmatvec=product, matmat=product, dtype=np.float64)

    def to_dense(self) -> Tensor:
        """Return the whole matrix, shape ``(n, n)``, at the cost of n products: for small n and for tests."""
        return self @ torch.eye(self.shape[0], dtype=self.dtype, device=self.device)
