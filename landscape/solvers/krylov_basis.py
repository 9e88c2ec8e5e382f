r"""An orthonormal basis that grows by products, and the operator's matrix in it.

$$H Q = Q T + Q_+ B,$$

where Q are the rows whose products are known, $Q_+$ orthonormal *pending* rows whose products are not, and T and B
are small, dense and float64. Every product is orthogonalised in full, so its coefficients are the next column of T
and B for free, whatever the rows are: Krylov vectors, warm starts, restarted or random ones.

Where storage rounds a row, it is the rounded row that is multiplied and that the coefficients refer to. What is lost is
the difference in the columns that led to it, of known length, and that T is symmetric to rounding in storage only; both
are part of what `KrylovBasis.leaks` says.
"""

import copy
import math

import numpy as np
import torch
from torch import Tensor

from landscape.operators.symmetric_operator import SymmetricOperator
from landscape.solvers.basis_rows import BasisRows
from landscape.solvers.basis_storage import BasisStorage
from landscape.solvers.eigenpairs import dot, rounding_of_products
from landscape.solvers.symmetry import refuse_asymmetry


class KrylovBasis:
    """Rows Q and pending rows, with the coefficients of the products of Q.

    Args:
        operator: What multiplies.
        storage: Where and how the rows of Q are kept.

    Attributes:
        size: Rows in Q.
        pending: Rows in $Q_+$; none when Q is invariant.
        matvecs: Products spent.
    """

    def __init__(self, operator: SymmetricOperator, storage: BasisStorage | None = None) -> None:
        self.operator = operator
        self.n = operator.shape[0]
        self.size = self.pending = self.matvecs = 0
        like = torch.empty(0, dtype=operator.dtype, device=operator.device)
        self.rows = BasisRows(self.n, like, storage or BasisStorage())
        self._exact = self._again = 0
        # column j: the coefficients of H q_j against all rows, so T on top of B
        self._coefficients = np.zeros((0, 0))
        # what column j leaves out: a remainder that is rounding
        self._lost = np.zeros(0)
        self._scale = 0.0

    @property
    def like(self) -> Tensor:
        """A tensor of the rows' dtype, on their device."""
        return self.rows.like

    @property
    def total(self) -> int:
        """Rows in memory."""
        return self.size + self.pending

    @property
    def T(self) -> np.ndarray:
        """The operator within the basis, shape ``(size, size)``, symmetric up to rounding."""
        return self._coefficients[: self.size, : self.size]

    @property
    def B(self) -> np.ndarray:
        """What leads out of the basis, shape ``(pending, size)``."""
        return self._coefficients[self.size : self.total, : self.size]

    def stage(self, size: int) -> "KrylovBasis":
        """Return the basis as it was after ``size`` products from one vector, without a restart; only to be read."""
        stage = copy.copy(self)
        stage.size = stage.matvecs = size
        stage.pending = min(1, self.total - size)
        return stage

    def leaks(self, small: np.ndarray) -> np.ndarray:
        """Return |HQs - QTs| for each column s of ``small``, less the rounding of the products."""
        leaks: np.ndarray = np.linalg.norm(self.B @ small, axis=0) + self._lost[: self.size] @ np.abs(small)
        if self.rows.rounds:
            # |Q'x| <= 2|x| for rows that are orthonormal to rounding
            leaks = leaks + np.linalg.norm((self.T - self.T.T) @ small, axis=0)
        return leaks

    def vectors(self, small: np.ndarray) -> Tensor:
        """Return the unit vectors with coordinates ``small`` in the basis, as columns."""
        vectors = self.rows.combined(small)
        return vectors.div_(torch.linalg.vector_norm(vectors, dim=0))

    def add(self, v: Tensor) -> bool:
        """Take in the direction of v less its part in the basis, as a pending row; False if nothing is left of it."""
        v = v.to(self.like)
        for _ in range(2):
            size = float(torch.linalg.vector_norm(v, dtype=torch.float64))
            v, _ = self.rows.remainder(v / size)
            left = float(torch.linalg.vector_norm(v, dtype=torch.float64))
            if left <= 32 * torch.finfo(v.dtype).eps:
                return False
        self._append(v.div_(left))
        return True

    def expand(self, count: int = 1) -> None:
        """Spend a product on each of the first ``count`` pending rows.

        Raises:
            FloatingPointError: If a product is not finite.
            ProblemError: If the operator turns out not to be symmetric.
        """
        first = self.size
        settled = [self._settle() for _ in range(count)]
        if count == 1:
            products: tuple[Tensor, ...] = (self.operator @ settled[0],)
        else:
            products = (self.operator @ torch.stack(settled).T).unbind(1)
        for index, (row, product) in enumerate(zip(settled, products, strict=True)):
            self.matvecs += 1
            self._record(first + index, row, product)
        if self._scale:
            difference = np.abs(self.T[first:] - self.T[:, first:].T).max()
            storage = self.rows.storage.dtype if self.rows.rounds else None
            refuse_asymmetry(float(difference) / self._scale, self.operator.dtype, storage)

    def lead(self, direction: np.ndarray) -> None:
        """Turn the pending rows so that the first of them points along ``direction``, shape ``(pending,)``."""
        size = float(np.linalg.norm(direction))
        u = direction / size if size else np.eye(self.pending)[0]
        # Householder's reflection, with the sign that does not cancel
        u = u + np.copysign(np.eye(self.pending)[0], u[0])
        u = u / np.linalg.norm(u)
        B = self.B
        B -= 2 * np.outer(u, u @ B)
        self.rows.reflect(u)

    def restart(self, small: np.ndarray) -> None:
        """Keep only the span of the orthonormal columns of ``small`` (coordinates in Q), and all pending rows."""
        T, B = small.T @ self.T @ small, self.B @ small
        self._lost[: small.shape[1]] = self._lost[: self.size] @ np.abs(small)
        keep = small.shape[1]
        self.rows.rotate(small)
        self._coefficients[:] = 0
        self._coefficients[:keep, :keep] = T
        self._coefficients[keep : keep + self.pending, :keep] = B
        self.size = self._exact = keep
        self._again = 0

    def begin_again(self, small: np.ndarray) -> None:
        """Keep only the vectors with coordinates ``small``, pending: to be multiplied again, and kept exact."""
        vectors = self.vectors(small)
        self.rows.clear()
        self.size = self.pending = 0
        for column in vectors.unbind(1):
            self.add(column)
        self._exact = self._again = self.pending

    def _settle(self) -> Tensor:
        """Take the first pending row into Q; return it as it is kept there."""
        row, moved = self.rows.settle(exact=self.size < self._exact)
        self._lost[: self.size] += moved * np.abs(self._coefficients[self.size, : self.size])
        self.size += 1
        self.pending -= 1
        return row

    def _record(self, column: int, row: Tensor, product: Tensor) -> None:
        try:
            own = dot(row, product)
        except FloatingPointError as error:
            raise FloatingPointError(f"{error} (product {self.matvecs})") from None
        before = self.total
        remainder, coefficients = self.rows.remainder(product)
        if not self.rows.rounds:
            coefficients[column] = own
        beta = float(torch.linalg.vector_norm(remainder, dtype=torch.float64))
        self._scale = max(self._scale, math.hypot(float(np.linalg.norm(coefficients)), beta))
        # a vector that is multiplied again is nearly an eigenvector: what is left of it is small, and means something
        least = (1 if column < self._again else 10) * rounding_of_products(remainder.dtype, self._scale)
        leads_on = beta > least and before < self.n
        if leads_on:
            self._append(remainder.div_(beta))
            self._coefficients[before, column] = beta
        self._coefficients[:before, column] = coefficients
        self._lost[column] = 0.0 if leads_on else beta

    def _append(self, row: Tensor) -> None:
        """Put a row behind the pending ones."""
        count = self.total
        if count == len(self._coefficients):
            room = min(max(8, 2 * count), self.n)
            coefficients = np.zeros((room, room))
            coefficients[:count, :count] = self._coefficients
            self._coefficients = coefficients
            self._lost = np.concatenate([self._lost, np.zeros(room - count)])
        self._coefficients[count] = 0
        self.rows.pending.append(row)
        self.pending += 1
