"""What every eigenvalue solver can be asked for."""

import math
from dataclasses import dataclass

import numpy as np

from landscape.errors import UsageError


@dataclass(frozen=True)
class EigenRequest:
    """The k largest and the ``bottom`` smallest algebraic eigenvalues of an operator of size n.

    Attributes:
        n: Size of the operator.
        k: How many of the largest eigenvalues.
        bottom: How many of the smallest.
        rtol: Wanted residual over the magnitude of the eigenvalue.
        max_matvecs: Most products.

    Raises:
        UsageError: If a number is out of its range.
    """

    n: int
    k: int
    bottom: int
    rtol: float
    max_matvecs: int

    def __post_init__(self) -> None:
        """Refuse what cannot be found."""
        if self.k < 0 or self.bottom < 0 or not 1 <= self.count <= self.n:
            asked = f"{self.k} eigenvalues" + (f" and {self.bottom} at the bottom" if self.bottom else "")
            raise UsageError(
                f"Cannot find {asked} of an operator of size {self.n}. Ask for 1 to {self.n} in all, none negative."
            )
        if not 0 < self.rtol < math.inf:
            raise UsageError(f"rtol must be positive and finite; it is {self.rtol}. 1e-3 is a good start.")
        if self.max_matvecs < 1:
            raise UsageError(f"max_matvecs must be at least 1; it is {self.max_matvecs}.")

    @property
    def count(self) -> int:
        """How many eigenvalues in all."""
        return self.k + self.bottom

    def indices(self, size: int) -> np.ndarray:
        """Return where the wanted ones are among ``size`` values in descending order; fewer where there are fewer."""
        top = min(self.k, size)
        below = min(self.bottom, size - top)
        return np.concatenate([np.arange(top), np.arange(size - below, size)])
