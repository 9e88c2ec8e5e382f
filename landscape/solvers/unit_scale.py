"""An operator in units in which squares of its products neither overflow nor vanish."""

import dataclasses
import math

import numpy as np
import torch
from torch import Tensor

from landscape.operators.symmetric_operator import SymmetricOperator
from landscape.solvers.eigenpairs import Eigenpairs

_ORDINARY = {torch.float64: 1e100}
_ORDINARY_OTHERWISE = 1e10


class UnitScale(SymmetricOperator):
    """H / 2^e, the power of two chosen by the first product that is not zero; 1 where that is of ordinary size.

    Args:
        operator: H. Divided by a power of two it has the same digits.

    Attributes:
        unit: The power of two.
        largest: The largest magnitude among the elements of all products, before the division.
    """

    def __init__(self, operator: SymmetricOperator) -> None:
        self.operator = operator
        self.shape, self.dtype, self.device = operator.shape, operator.dtype, operator.device
        self.unit = 1.0
        self.largest = 0.0

    def matvec(self, v: Tensor) -> Tensor:
        """Return Hv / 2^e."""
        return self._divided(self.operator @ v)

    def matmat(self, V: Tensor) -> Tensor:
        """Return HV / 2^e."""
        return self._divided(self.operator @ V)

    def _divided(self, product: Tensor) -> Tensor:
        size = float(product.abs().max()) if product.numel() else 0.0
        ordinary = _ORDINARY.get(self.dtype, _ORDINARY_OTHERWISE)
        if self.largest == 0 and 0 < size < math.inf and not 1 / ordinary < size < ordinary:
            self.unit = 2.0 ** min(max(math.frexp(size)[1], -1000), 1000)
        self.largest = max(self.largest, size) if math.isfinite(size) else self.largest
        if self.unit == 1.0:
            return product
        # in two steps: the inverse of a subnormal number is infinite
        root = 2.0 ** (math.frexp(self.unit)[1] // 2)
        return product / root / (self.unit / root)

    def pairs(self, found: Eigenpairs) -> Eigenpairs:
        """Return eigenpairs of H from those of H / 2^e; not converged where the products are too small for digits."""
        info = torch.finfo(self.dtype)
        if self.unit == 1.0 and not 0 < self.largest < info.tiny / info.eps:
            return found
        scaled = dataclasses.replace(
            found,
            values=found.values * self.unit,
            residuals=found.residuals * self.unit,
            bounds=found.bounds * self.unit,
        )
        if not 0 < self.largest < info.tiny / info.eps:
            return scaled
        # what products this small lose: their last digits are multiples of the smallest number there is
        lost = math.sqrt(self.shape[0]) * info.tiny * info.eps
        reason = (
            f"the products are at the edge of {str(self.dtype).removeprefix('torch.')} (largest element "
            f"{self.largest:.1g}), which leaves them few digits: scale the loss up, or take another precision"
        )
        residuals = scaled.residuals + lost
        scaled = dataclasses.replace(scaled, residuals=residuals, bounds=np.maximum(scaled.bounds, residuals))
        if self.largest > 1e3 * info.tiny:
            return scaled
        return dataclasses.replace(scaled, converged=False, reason=f"{found.reason}, but {reason}")
