"""An operator in units in which squares of its products neither overflow nor vanish."""

import dataclasses
import functools
import math
from collections.abc import Callable
from typing import Concatenate, ParamSpec, TypeVar

import numpy as np
import torch
from torch import Tensor

from landscape.full_precision import full_precision
from landscape.operators.symmetric_operator import SymmetricOperator
from landscape.solvers.eigenpairs import Eigenpairs
from landscape.solvers.estimate import DiagonalEstimate, Estimate

P = ParamSpec("P")
Found = TypeVar("Found", Eigenpairs, Estimate, DiagonalEstimate)

_ORDINARY = {torch.float64: 1e100}
_ORDINARY_OTHERWISE = 1e10


class UnitScale(SymmetricOperator):
    """H / 2^e, the power of two chosen by the first product that is not zero; 1 where that is of ordinary size.

    Args:
        operator: H. Divided by a power of two it has the same digits.

    Attributes:
        unit: The power of two.
    """

    def __init__(self, operator: SymmetricOperator) -> None:
        self.operator = operator
        self.shape, self.dtype, self.device = operator.shape, operator.dtype, operator.device
        self.holders, self.tf32 = operator.holders, operator.tf32
        self.unit = 1.0
        self._largest: Tensor | None = None

    def matvec(self, v: Tensor) -> Tensor:
        """Return Hv / 2^e."""
        return self._divided(self.operator @ v)

    def matmat(self, V: Tensor) -> Tensor:
        """Return HV / 2^e."""
        return self._divided(self.operator @ V)

    def refuse_not_finite(self, v: Tensor) -> None:
        """As the operator itself does."""
        self.operator.refuse_not_finite(v)

    def _divided(self, product: Tensor) -> Tensor:
        size = product.abs().max() if product.numel() else product.new_zeros(())
        if self._largest is not None:
            self._largest = torch.maximum(self._largest, size.nan_to_num(nan=0.0, posinf=0.0))
        # once read, the sizes of later products stay on the device: nothing waits for them
        elif 0 < (first := float(size)) < math.inf:
            self._largest = size
            ordinary = _ORDINARY.get(self.dtype, _ORDINARY_OTHERWISE)
            if not 1 / ordinary < first < ordinary:
                self.unit = 2.0 ** min(max(math.frexp(first)[1], -1000), 1000)
        if self.unit == 1.0:
            return product
        # in two steps: the inverse of a subnormal number is infinite
        root = 2.0 ** (math.frexp(self.unit)[1] // 2)
        return product / root / (self.unit / root)

    @property
    def largest(self) -> float:
        """The largest magnitude among the elements of all products, before the division."""
        return 0.0 if self._largest is None else float(self._largest)

    @property
    def few_digits(self) -> bool:
        """Whether the products are so near to the smallest number there is that some of their digits are gone."""
        info = torch.finfo(self.dtype)
        return 0 < self.largest < info.tiny / info.eps

    @property
    def lost(self) -> float:
        """What a product of unit length loses then: its last digits are multiples of the smallest number there is."""
        info = torch.finfo(self.dtype)
        return math.sqrt(self.shape[0]) * info.tiny * info.eps if self.few_digits else 0.0

    @property
    def _unseen(self) -> float:
        """What a product of unit length may be of which nothing is seen: n terms an element, each rounded to zero."""
        info = torch.finfo(self.dtype)
        return math.sqrt(self.shape[0]) * self.shape[0] * info.tiny * info.eps / 2

    def pairs(self, found: Eigenpairs) -> Eigenpairs:
        """Return eigenpairs of H from those of H / 2^e; not converged where the products are too small for digits."""
        lost = self.lost if self.largest else self._unseen
        residuals = found.residuals * self.unit + lost
        bounds = np.maximum(found.bounds * self.unit, residuals) if lost else found.bounds * self.unit
        return self._judged(
            dataclasses.replace(found, values=found.values * self.unit, residuals=residuals, bounds=bounds)
        )

    def estimate(self, found: Estimate) -> Estimate:
        """Return an estimate of a trace or norm of H from that of H / 2^e."""
        error = found.error * self.unit + math.sqrt(self.shape[0]) * self.lost
        return self._judged(dataclasses.replace(found, value=found.value * self.unit, error=error))

    def diagonal(self, found: DiagonalEstimate) -> DiagonalEstimate:
        """Return an estimate of the diagonal of H from that of H / 2^e."""
        errors = found.errors * self.unit + self.lost
        return self._judged(dataclasses.replace(found, values=found.values * self.unit, errors=errors))

    def _judged(self, found: Found) -> Found:
        if not 0 < self.largest <= 1e3 * torch.finfo(self.dtype).tiny:
            return found
        reason = (
            f"the products are at the edge of {str(self.dtype).removeprefix('torch.')} (largest element "
            f"{self.largest:.1g}), which leaves them few digits: scale the loss up, or take another precision"
        )
        return dataclasses.replace(found, converged=False, reason=f"{found.reason}, but {reason}")


def in_unit_scale(
    back: Callable[[UnitScale, Found], Found],
) -> Callable[[Callable[Concatenate[SymmetricOperator, P], Found]], Callable[Concatenate[SymmetricOperator, P], Found]]:
    """Return a decorator that lets a solver work on H / 2^e; ``back`` turns what it found into that of H."""

    def decorate(
        solver: Callable[Concatenate[SymmetricOperator, P], Found],
    ) -> Callable[Concatenate[SymmetricOperator, P], Found]:
        @functools.wraps(solver)
        def solve(operator: SymmetricOperator, /, *args: P.args, **options: P.kwargs) -> Found:
            scaled = UnitScale(operator)
            # a sketch's own products of matrices are not to be rounded either
            with full_precision(operator.tf32):
                return back(scaled, solver(scaled, *args, **options))

        return solve

    return decorate
