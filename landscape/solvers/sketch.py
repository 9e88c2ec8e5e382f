"""The range of an operator from products with random vectors, grown without repeating a product."""

import math

import torch
from torch import Tensor

from landscape.errors import UsageError
from landscape.operators.symmetric_operator import SymmetricOperator
from landscape.solvers.basis import GrowingRows, extended, orthogonalise
from landscape.solvers.probes import Draw, SymmetryCheck, draw_probes, products

KEPT_ROWS = 4
"""Vectors of length n that a test vector takes: itself, its row of Q and of HQ, and a copy while one of them grows."""
FEWEST_VECTORS = 8
_BYTES = 2**31


class Sketch:
    r"""Test vectors $\Omega$ with $H\Omega = QR$, and the products HQ.

    A product with a random vector that lies in the span of Q, to rounding, says that the whole range of H does.
    That vector is dropped, and :attr:`exhausted` set.

    Args:
        operator: H.
        draw: Of what distribution test vectors are.
        seed: Of them.
        purpose: Of their stream.
        max_vectors: How many are kept at most; as many as take 2 GiB, but some in any case, when None.

    Raises:
        UsageError: If ``max_vectors`` is less than two.

    Attributes:
        matvecs: Products spent.
        most: Test vectors kept at most.
        exhausted: Whether Q spans the range of H.
        leak: The longest part of a dropped product outside the span of Q: what rounding left.
        Q: Orthonormal rows, shape ``(k, n)``. ``omega`` and ``Z`` = HQ likewise.
        R: Upper triangular, shape ``(k, k)``, float64.
        QHQ: Q H Q' as a symmetric matrix, shape ``(k, k)``, float64.
    """

    def __init__(
        self, operator: SymmetricOperator, draw: Draw, seed: int, purpose: str, max_vectors: int | None = None
    ) -> None:
        if max_vectors is not None and max_vectors < 2:
            raise UsageError(f"max_vectors must be at least 2: a spread is of two. It is {max_vectors}.")
        n = operator.shape[0]
        by_memory = max(FEWEST_VECTORS, _BYTES // (KEPT_ROWS * n * operator.dtype.itemsize))
        self.operator, self.most = operator, min(n, max_vectors or by_memory)
        self.matvecs, self.exhausted, self.leak = 0, False, 0.0
        self._draw, self._seed, self._purpose, self._drawn = draw, seed, purpose, 0
        like = torch.empty(0, dtype=operator.dtype, device=operator.device)
        self._omega, self._Q, self._Z = (GrowingRows(n, like, self.most) for _ in range(3))
        self.R = torch.zeros(0, 0, dtype=torch.float64)
        self._QZ = torch.zeros(0, 0, dtype=torch.float64)
        self._scale = 0.0
        self._check = SymmetryCheck(operator)

    def __len__(self) -> int:
        return len(self._Q)

    @property
    def full(self) -> bool:
        """Whether there are as many test vectors as may be kept."""
        return len(self) >= self.most

    @property
    def omega(self) -> Tensor:
        """The test vectors as rows, shape ``(k, n)``."""
        return self._omega.rows

    @property
    def Q(self) -> Tensor:
        """The orthonormal basis as rows, shape ``(k, n)``."""
        return self._Q.rows

    @property
    def Z(self) -> Tensor:
        """The product with each row of Q, shape ``(k, n)``."""
        return self._Z.rows

    @property
    def QHQ(self) -> Tensor:
        """Q H Q', shape ``(k, k)``."""
        return (self._QZ + self._QZ.T) / 2

    def grow(self, count: int) -> None:
        """Add ``count`` test vectors, at two products each; fewer where it is full then."""
        before = len(self)
        count = min(count, self.most - before)
        indices = range(self._drawn, self._drawn + count)
        omega = draw_probes(self.operator, self._draw, self._seed, self._purpose, indices)
        self._drawn += count
        found = products(self.operator, omega)
        self._check.add(omega, found)
        for w, y in zip(omega, found, strict=True):
            self._add(w, y)
        self.matvecs += count
        fresh = self.Q[before:]
        if len(fresh):
            self._Z.append(products(self.operator, fresh))
            self.matvecs += len(fresh)
            self._QZ = extended(self._QZ, self.Q, self.Z)
        if len(self) == self.operator.shape[0]:
            self.exhausted = True

    def _add(self, w: Tensor, y: Tensor) -> None:
        """Append one column to QR = H omega, or drop it where it adds nothing."""
        self._scale = max(self._scale, float(y.double().norm()))
        rest, components = orthogonalise(y, self.Q)
        size = float(rest.double().norm())
        # the same allowance for the rounding of a product as in Lanczos
        if size <= 32 * torch.finfo(y.dtype).eps * self._scale:
            self.exhausted, self.leak = True, max(self.leak, size)
            return
        # dividing by a short length brings back what rounding left of the others
        q, again = orthogonalise(rest / size, self.Q)
        last = torch.tensor([size * float(q.double().norm())], dtype=torch.float64)
        column = torch.cat([components + size * again, last])
        k = len(self)
        R = torch.zeros(k + 1, k + 1, dtype=torch.float64)
        R[:k, :k], R[:, k] = self.R, column
        self.R = R
        self._Q.append(q / q.norm())
        self._omega.append(w)

    def exact_error(self) -> float:
        r"""Return what rounding may hide of the trace of an exhausted operator: sqrt(n - k) times the leak.

        $|\operatorname{tr} E| \le \sqrt{n-k}\,|E|_F$ for what is left outside, and $E|E\omega|^2 = |E|_F^2$.
        """
        return math.sqrt(self.operator.shape[0] - len(self)) * self.leak


def left_out(R: Tensor) -> Tensor:
    r"""Return the unit vectors $s_i$, as columns, along which Q shrinks when test vector i is left out.

    Without it the projector on the range is $Q(I - s_i s_i^\top)Q^\top$, with $s_i$ the normalised column i of
    $R^{-\top}$ (orthogonal to every other column of R).

    References:
        Epperly, Tropp, Webber 2024, "XTrace: making the most of every sample in stochastic trace estimation",
        section 2.1.
    """
    inverse: Tensor = torch.linalg.solve_triangular(R, torch.eye(len(R), dtype=R.dtype), upper=True)
    vectors = inverse.T
    return vectors / vectors.square().sum(0).sqrt()
