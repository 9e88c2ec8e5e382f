"""Where and how the vectors of a basis are kept, apart from where products are computed."""

from dataclasses import dataclass

import torch
from torch import Tensor

from landscape.errors import UsageError

_MOST, _FEWEST = 2**18, 2**10
_MOST_ON_GPU = 2**22
"""Of vectors kept where a GPU computes with them: there every block takes some thirty kernels a product to start."""
_DTYPES = (torch.float64, torch.float32, torch.bfloat16, torch.float16)


@dataclass(frozen=True)
class BasisStorage:
    """How the vectors of a basis are kept.

    Attributes:
        device: Where; the operator's own device when None. Vectors elsewhere come over a block of columns at a time
            (from pinned memory, where that is a GPU), about three times for every product.
        dtype: Their precision; the operator's own when None. A lower one rounds every vector once; what that loses is
            known, is part of the residuals, and is corrected by multiplying the vectors found again. With 5 + 1 values
            of n = 3,000 in float32 to 1e-3, without a restart: 160 products with exact vectors, 166 in float16, 174 in
            bfloat16; with 12 vectors at most 586, 592 and 592. To 1e-4 with 12: 1,180, 1,186 and 1,186.
        columns: Elements of a vector in a block; when None so many that a block that is fetched is an eighth of the
            basis or less.

    Raises:
        UsageError: If the precision is none of float64, float32, bfloat16 and float16.
    """

    device: torch.device | None = None
    dtype: torch.dtype | None = None
    columns: int | None = None

    def __post_init__(self) -> None:
        """Refuse what holds no vectors."""
        if self.dtype is not None and self.dtype not in _DTYPES:
            known = ", ".join(str(each).removeprefix("torch.") for each in _DTYPES)
            raise UsageError(f"A basis cannot be kept in {self.dtype}. Use one of {known}.")

    def rounds(self, dtype: torch.dtype) -> bool:
        """Return whether vectors of this precision lose digits."""
        return self.dtype is not None and torch.finfo(self.dtype).eps > torch.finfo(dtype).eps

    def place(self, like: Tensor) -> torch.device:
        """Return where vectors are that are computed with where ``like`` is; of several GPUs, which."""
        return like.device if self.device is None else torch.empty(0, device=self.device).device

    def width(self, n: int, *, here: torch.device | None) -> int:
        """Return how many elements of vectors of length n are in a block.

        Args:
            n: Elements of a vector.
            here: Where vectors are computed with as they are kept; None where they have to be fetched or rounded.
        """
        if here is None:
            return self.columns or min(_MOST, max(_FEWEST, -(-n // 8)))
        return self.columns or (_MOST if here.type == "cpu" else _MOST_ON_GPU)

    def exact(self) -> "BasisStorage":
        """Return the same place, in the operator's precision."""
        return BasisStorage(self.device, None, self.columns)
