"""An operator that tells how many products were taken."""

from collections.abc import Callable

from torch import Tensor

from landscape.operators import SymmetricOperator

OnProgress = Callable[[str, int, int | None], None]
"""(what is being done, products done, products at most where that is known)."""


class Watched(SymmetricOperator):
    """The same operator, which tells after each product.

    Args:
        operator: What multiplies.
        tell: Called before the first product and after each.
        what: What the products are for.
        most: How many there will be at most, where that is known.
    """

    def __init__(self, operator: SymmetricOperator, tell: OnProgress, what: str, most: int | None = None) -> None:
        self.shape, self.dtype, self.device = operator.shape, operator.dtype, operator.device
        self.tf32 = operator.tf32
        self._operator, self._tell, self._what, self._most = operator, tell, what, most
        self._done = 0
        tell(what, 0, most)

    def matvec(self, v: Tensor) -> Tensor:
        """Return the product with one vector, shape ``(n,)``."""
        return self._counted(self._operator @ v)

    def matmat(self, V: Tensor) -> Tensor:
        """Return the product with each column, shape ``(n, k)``."""
        return self._counted(self._operator @ V)

    def refuse_not_finite(self, v: Tensor) -> None:
        """As the operator itself does."""
        self._operator.refuse_not_finite(v)

    def _counted(self, product: Tensor) -> Tensor:
        self._done += 1 if product.ndim == 1 else product.shape[1]
        self._tell(self._what, self._done, self._most)
        return product
