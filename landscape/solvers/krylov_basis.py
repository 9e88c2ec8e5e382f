r"""An orthonormal basis that grows by products, and the operator's matrix in it.

$$H Q = Q T + Q_+ B,$$

where Q are the rows whose products are known, $Q_+$ orthonormal *pending* rows whose products are not, and T and B
are small, dense and float64. Every product is orthogonalised in full, so its coefficients are the next column of T
and B for free, whatever the rows are: Krylov vectors, warm starts, restarted or random ones.
"""

import copy
import math

import numpy as np
import torch
from torch import Tensor

from landscape.operators.symmetric_operator import SymmetricOperator
from landscape.parts import Parts
from landscape.solvers.eigenpairs import rounding_of_products
from landscape.solvers.symmetry import refuse_asymmetry

_CHUNK = 2**13


class KrylovBasis:
    """Rows Q and pending rows, with the coefficients of the products of Q.

    Of an operator with holders every process keeps its part of each row, and inner products are summed over them; a
    row is whole while its product is computed, and so are the eigenvectors at the end.

    Attributes:
        size: Rows in Q.
        pending: Rows in $Q_+$; none when Q is invariant.
        matvecs: Products spent.
    """

    def __init__(self, operator: SymmetricOperator) -> None:
        self.operator = operator
        self.n = operator.shape[0]
        self.size = self.pending = self.matvecs = 0
        self._parts = Parts(operator.holders, self.n)
        self._rows = torch.empty(0, self._parts.length, dtype=operator.dtype, device=operator.device)
        # column j: the coefficients of H q_j against all rows, so T on top of B
        self._coefficients = np.zeros((0, 0))
        # what column j leaves out: a remainder that is rounding
        self._lost = np.zeros(0)
        self._scale = 0.0

    @property
    def like(self) -> Tensor:
        """A tensor of the rows' dtype, on their device."""
        return self._rows

    @property
    def bytes_of_a_row(self) -> int:
        """What a row takes in a process: as much in each, so that all decide alike."""
        return self._parts.most * self._rows.element_size()

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

    @property
    def rows(self) -> Tensor:
        """Q, shape ``(size, n)``, of an operator with holders this process's part of each row; a view."""
        return self._rows[: self.size]

    def stage(self, size: int) -> "KrylovBasis":
        """Return the basis as it was after ``size`` products from one vector, without a restart; only to be read."""
        stage = copy.copy(self)
        stage.size = stage.matvecs = size
        stage.pending = min(1, self.total - size)
        return stage

    def leaks(self, small: np.ndarray) -> np.ndarray:
        """Return |HQs - QTs| for each column s of ``small``, less the rounding of the products."""
        leaks: np.ndarray = np.linalg.norm(self.B @ small, axis=0) + self._lost[: self.size] @ np.abs(small)
        return leaks

    def vectors(self, small: np.ndarray) -> Tensor:
        """Return the unit vectors with coordinates ``small`` in the basis, as columns."""
        parts: Tensor = self._rows[: self.size].T @ torch.from_numpy(small.copy()).to(self._rows)
        vectors = self._parts.whole_columns(parts)
        return vectors.div_(torch.linalg.vector_norm(vectors, dim=0))

    def add(self, v: Tensor) -> bool:
        """Take in the direction of v less its part in the basis, as a pending row; False if nothing is left of it."""
        v = self._parts.own(v).to(self._rows)
        for _ in range(2):
            size = self._parts.length_of(v)
            v, _ = self._remainder(v / size)
            left = self._parts.length_of(v)
            if left <= 32 * torch.finfo(v.dtype).eps:
                return False
        self._append(v / left)
        return True

    def expand(self, count: int = 1) -> None:
        """Spend a product on each of the first ``count`` pending rows.

        Raises:
            FloatingPointError: If a product is not finite.
            ProblemError: If the operator turns out not to be symmetric.
        """
        first = self.size
        if count == 1:
            products: tuple[Tensor, ...] = (self.operator @ self._parts.whole(self._rows[first]),)
        else:
            products = (self.operator @ self._parts.whole_columns(self._rows[first : first + count].T)).unbind(1)
        for index, product in enumerate(products):
            self.matvecs += 1
            self._record(first + index, self._parts.own(product))
        self.size += count
        self.pending -= count
        if self._scale:
            difference = np.abs(self.T[first:] - self.T[:, first:].T).max()
            refuse_asymmetry(float(difference) / self._scale, self.operator.dtype)

    def lead(self, direction: np.ndarray) -> None:
        """Turn the pending rows so that the first of them points along ``direction``, shape ``(pending,)``."""
        size = float(np.linalg.norm(direction))
        u = direction / size if size else np.eye(self.pending)[0]
        # Householder's reflection, with the sign that does not cancel
        u = u + np.copysign(np.eye(self.pending)[0], u[0])
        u = u / np.linalg.norm(u)
        B, rows = self.B, self._rows[self.size : self.total]
        B -= 2 * np.outer(u, u @ B)
        on_device = torch.from_numpy(u).to(rows)
        rows.addr_(on_device, on_device @ rows, alpha=-2)

    def restart(self, small: np.ndarray) -> None:
        """Keep only the span of the orthonormal columns of ``small`` (coordinates in Q), and all pending rows."""
        T, B = small.T @ self.T @ small, self.B @ small
        self._lost[: small.shape[1]] = self._lost[: self.size] @ np.abs(small)
        rotation = torch.from_numpy(small.T.copy()).to(self._rows.device)
        keep = small.shape[1]
        # a slice of columns at a time: no second basis in memory
        for piece in torch.split(self._rows, _CHUNK, dim=1):
            piece[:keep] = (rotation @ piece[: self.size].double()).to(piece.dtype)
        self._rows[keep : keep + self.pending] = self._rows[self.size : self.total].clone()
        self._coefficients[:] = 0
        self._coefficients[:keep, :keep] = T
        self._coefficients[keep : keep + self.pending, :keep] = B
        self.size = keep

    def _record(self, column: int, product: Tensor) -> None:
        row, before = self._rows[column], self.total
        inner = self._parts.add(torch.dot(row.double(), product.double()))
        remainder, components = self._remainder(product)
        # everything that is read of a product at once: on a GPU each reading waits for it
        numbers: np.ndarray = torch.cat([components, torch.stack([inner, self._parts.norm(remainder)])]).cpu().numpy()
        own, beta, coefficients = float(numbers[-2]), float(numbers[-1]), numbers[:-2]
        if not math.isfinite(own):
            self.operator.refuse_not_finite(self._parts.whole(row))
            raise FloatingPointError(f"a product with the operator is {own} (product {self.matvecs})")
        coefficients[column] = own
        self._scale = max(self._scale, math.hypot(float(np.linalg.norm(coefficients)), beta))
        leads_on = beta > 10 * rounding_of_products(remainder.dtype, self._scale) and before < self.n
        if leads_on:
            self._append(remainder.div_(beta))
            self._coefficients[before, column] = beta
        self._coefficients[:before, column] = coefficients
        self._lost[column] = 0.0 if leads_on else beta

    def _remainder(self, v: Tensor) -> tuple[Tensor, Tensor]:
        """Return v less its components in all rows, and those in float64; twice is enough (Parlett, section 6.9)."""
        rows = self._rows[: self.total]
        first = self._parts.add(rows @ v)
        v = torch.addmv(v, rows.T, first, alpha=-1)
        second = self._parts.add(self._accurate_products(rows, v))
        v.addmv_(rows.T, second.to(v.dtype), alpha=-1)
        return v, first.double() + second

    @staticmethod
    def _accurate_products(rows: Tensor, v: Tensor) -> Tensor:
        """Return rows @ v in float64: a CPU's float32 sums over 300,000 elements are wrong by 1e-5."""
        if v.dtype == torch.float64 or v.device.type != "cpu":
            return (rows @ v).double()
        pieces = zip(torch.split(rows, _CHUNK, dim=1), torch.split(v, _CHUNK), strict=True)
        return torch.stack([piece @ part for piece, part in pieces]).sum(dim=0, dtype=torch.float64)

    def _append(self, row: Tensor) -> None:
        """Put a row behind the pending ones; the room for rows grows by doubling."""
        count = self.total
        if count == len(self._rows):
            room = min(max(8, 2 * count), self.n)
            grown = self._rows.new_empty(room, self._rows.shape[1])
            grown[:count] = self._rows
            coefficients = np.zeros((room, room))
            coefficients[:count, :count] = self._coefficients
            self._rows, self._coefficients = grown, coefficients
            self._lost = np.concatenate([self._lost, np.zeros(room - count)])
        self._rows[count] = row
        self._coefficients[count] = 0
        self.pending += 1
