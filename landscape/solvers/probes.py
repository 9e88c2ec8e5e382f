"""Random probes, each from its own stream, and checked products with blocks of them."""

import math
from collections.abc import Callable, Iterable

import torch
from torch import Tensor

from landscape.errors import ProblemError
from landscape.operators.symmetric_operator import SymmetricOperator
from landscape.randomness import derive_seed

Draw = Callable[[int, int], Tensor]


def signs(size: int, seed: int) -> Tensor:
    """Return a vector of random signs, shape ``(size,)``: the probe of least variance whose square is known."""
    return 2.0 * torch.randint(0, 2, (size,), generator=torch.Generator().manual_seed(seed)) - 1.0


def sphere(size: int, seed: int) -> Tensor:
    """Return a uniform direction of length sqrt(size), shape ``(size,)``, float64."""
    v = torch.randn(size, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    return v * (math.sqrt(size) / float(v.norm()))


def draw_probes(
    operator: SymmetricOperator,
    draw: Draw,
    seed: int,
    purpose: str,
    indices: Iterable[int],
    *,
    dtype: torch.dtype | None = None,
) -> Tensor:
    """Return probes as rows, shape ``(b, n)``; probe i depends on (seed, purpose, i) alone."""
    drawn = [draw(operator.shape[0], derive_seed(seed, purpose, index)) for index in indices]
    return torch.stack(drawn).to(operator.device, dtype or operator.dtype)


def products(operator: SymmetricOperator, rows: Tensor) -> Tensor:
    """Return the product with each row, shape ``(b, n)``.

    Raises:
        FloatingPointError: If a product is not finite.
    """
    result = (operator @ rows.T).T
    if not bool(torch.isfinite(result).all()):
        bad = ~torch.isfinite(result)
        operator.refuse_not_finite(rows[int(bad.any(dim=1).nonzero()[0])])
        worst = float(result[bad][0])
        raise FloatingPointError(f"a product with the operator is {worst}")
    return result.contiguous()


def row_dots(a: Tensor, b: Tensor) -> Tensor:
    """Return the inner product of each row of a with the same row of b, accumulated in float64, shape ``(b,)``."""
    return torch.stack([torch.dot(x.double(), y.double()) for x, y in zip(a, b, strict=True)]).cpu()


class SymmetryCheck:
    """Sees by the first two probes whether an operator is symmetric, at no product more where it is.

    Args:
        operator: Whose products they are.
    """

    def __init__(self, operator: SymmetricOperator) -> None:
        self._operator = operator
        self._tolerance = max(1e4 * float(torch.finfo(operator.dtype).eps), 1e-9)
        self._seen: list[tuple[Tensor, Tensor]] = []

    def add(self, probes: Tensor, products: Tensor) -> None:
        """Take probes with their products, as rows.

        Raises:
            ProblemError: If the operator is not symmetric.
        """
        if len(self._seen) > 1:
            return
        self._seen += list(zip(probes[:2], products[:2], strict=True))
        if len(self._seen) > 1:
            self._compare(*self._seen[0], *self._seen[1])

    def _compare(self, z: Tensor, Hz: Tensor, y: Tensor, Hy: Tensor) -> None:
        left, right = (float(row_dots(a[None], b[None])[0]) for a, b in ((z, Hy), (y, Hz)))
        longest = max(float(z.double().norm()), float(y.double().norm()))
        size = longest * max(_length(Hz), _length(Hy))
        if abs(left - right) <= self._tolerance * size:
            return
        # where the operator is nearly zero its products are rounding: then they are not even linear
        rounding = _length(self._operator @ (z + y) - Hz - Hy)
        if abs(left - right) > 10 * longest * rounding:
            raise ProblemError(
                f"The operator is not symmetric: two bilinear forms that should agree are {left:.6g} and {right:.6g}."
            )


def _length(x: Tensor) -> float:
    """Return the length of a vector whose squares may be zero or infinite."""
    size = float(x.abs().max())
    return size * float((x / size).double().norm()) if size else 0.0
