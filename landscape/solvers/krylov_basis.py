r"""An orthonormal basis that grows by products, and the operator's matrix in it.

$$H Q = Q T + Q_+ B,$$

where Q are the rows whose products are known, $Q_+$ orthonormal *pending* rows whose products are not, and T and B
are small, dense and float64. Every product is orthogonalised in full, so its coefficients are the next column of T
and B for free, whatever the rows are: Krylov vectors, warm starts, restarted or random ones.

Where storage rounds a row, it is the rounded row that is multiplied and that the coefficients refer to. Rows are then
orthonormal to rounding in storage only, so their Gram matrix $G = R^\top R$ is kept, and all coordinates that are
given or taken are those in the basis $QR^{-1}$, which is orthonormal. What is lost is the difference in the columns
that led to the row, of known length; it is part of what `KrylovBasis.leaks` says.
"""

import copy
import math

import numpy as np
import torch
from scipy.linalg import solve_triangular
from torch import Tensor

from landscape.errors import AsymmetryError
from landscape.operators.symmetric_operator import SymmetricOperator
from landscape.parts import Parts
from landscape.randomness import derive_seed
from landscape.solvers.basis_rows import BasisRows
from landscape.solvers.basis_storage import BasisStorage
from landscape.solvers.eigenpairs import inner_product, random_unit_vector, rounding_of_products
from landscape.solvers.symmetry import refuse_asymmetry


class KrylovBasis:
    """Rows Q and pending rows, with the coefficients of the products of Q.

    Of an operator with holders every process keeps its part of each row, and inner products are summed over them; a
    row is whole while its product is computed, and so are the eigenvectors at the end.

    Args:
        operator: What multiplies.
        storage: Where and how the rows of Q are kept.

    Attributes:
        size: Rows in Q.
        pending: Rows in $Q_+$; none when Q is invariant.
        matvecs: Products spent.
        restarts: How often rows were given up: what is known of the wanted values' neighbours is then less.
        follows_rounding: Whether a remainder that may be rounding leads on all the same: nothing hides behind it then.
        given_up: Values and residuals of vectors that were given up when the others began again, shapes ``(m,)``.
    """

    def __init__(self, operator: SymmetricOperator, storage: BasisStorage | None = None) -> None:
        self.operator = operator
        self.n = operator.shape[0]
        self.size = self.pending = self.matvecs = 0
        self._parts = Parts(operator.holders, self.n)
        like = torch.empty(0, dtype=operator.dtype, device=operator.device)
        self.rows = BasisRows(self._parts, like, storage or BasisStorage())
        self.restarts = 0
        self.follows_rounding = False
        self.given_up = (np.zeros(0), np.zeros(0))
        self._again = 0
        # column j: the coefficients of H q_j against all rows, so T on top of B
        self._coefficients = np.zeros((0, 0))
        # what column j leaves out: a remainder that is rounding
        self._lost = np.zeros(0)
        # of rounded rows
        self._gram = np.zeros((0, 0))
        self._inverse = np.zeros((0, 0))
        self._scale = 0.0

    @property
    def like(self) -> Tensor:
        """A tensor of the rows' dtype, on their device."""
        return self.rows.like

    @property
    def bytes_of_a_row(self) -> int:
        """What a row takes in a process: as much in each, so that all decide alike."""
        return self._parts.most * self.operator.dtype.itemsize

    @property
    def total(self) -> int:
        """Rows in memory."""
        return self.size + self.pending

    @property
    def T(self) -> np.ndarray:
        """The operator within the basis, shape ``(size, size)``, symmetric up to rounding."""
        T = self._coefficients[: self.size, : self.size]
        if not self.rows.rounds:
            return T
        within: np.ndarray = solve_triangular(self._inverse, T @ self._inverse)
        return within

    @property
    def B(self) -> np.ndarray:
        """What leads out of the basis, shape ``(pending, size)``."""
        B = self._coefficients[self.size : self.total, : self.size]
        return B @ self._inverse if self.rows.rounds else B

    @property
    def rounding(self) -> float:
        """What a product loses to rounding."""
        return rounding_of_products(self.operator.dtype, self._scale)

    def leads_on(self, index: int) -> float:
        """Return the length of what leads out of the basis from one of its rows."""
        return float(np.linalg.norm(self.B[:, index]))

    def stage(self, size: int) -> "KrylovBasis":
        """Return the basis as it was after ``size`` products from one vector, without a restart; only to be read."""
        stage = copy.copy(self)
        stage.size = stage.matvecs = size
        stage.pending = min(1, self.total - size)
        return stage

    def leaks(self, small: np.ndarray) -> np.ndarray:
        """Return |HQs - QTs| for each column s of ``small``, less the rounding of the products."""
        leaks: np.ndarray = np.linalg.norm(self.B @ small, axis=0) + self.lost_in(small)
        # the values are those of (T + T')/2, which halves what one column lost and another one has
        share = 1.0 if self.rows.rounds else 0.5
        leaks += share * np.linalg.norm((self.T - self.T.T) @ small, axis=0)
        return leaks

    def vectors(self, small: np.ndarray) -> Tensor:
        """Return the unit vectors with coordinates ``small`` in the basis, as columns."""
        vectors = self.combined(small)
        return vectors.div_(torch.linalg.vector_norm(vectors, dim=0))

    def combined(self, small: np.ndarray) -> Tensor:
        """Return the whole vectors with coordinates ``small``, as columns; every process has to ask."""
        return self._parts.whole_columns(self.rows.combined(self._in_rows(small)))

    def add(self, v: Tensor) -> bool:
        """Take in the direction of v less its part in the basis, as a pending row; False if nothing is left of it."""
        v = self._parts.own(v).to(self.like)
        for _ in range(2):
            v, _ = self.rows.remainder(v / self._parts.length_of(v))
            left = self._parts.length_of(v)
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
        self._factorise()
        recorded = 0
        try:
            for row, product in zip(settled, self._products(settled), strict=True):
                self.matvecs += 1
                self._record(first + recorded, row, self._parts.own(product))
                recorded += 1
        except BaseException:
            # Ctrl-C as well: a run that measures share goes on from here
            self._take_back(settled[recorded:])
            raise
        if self._scale:
            difference = np.abs(self.T[first:] - self.T[:, first:].T).max()
            storage = self.rows.storage.dtype if self.rows.rounds else None
            try:
                refuse_asymmetry(float(difference) / self._scale, self.operator.dtype, storage)
            except AsymmetryError:
                self._learn_scale()
                refuse_asymmetry(float(difference) / self._scale, self.operator.dtype, storage)

    def lead(self, direction: np.ndarray) -> None:
        """Turn the pending rows so that the first of them points along ``direction``, shape ``(pending,)``."""
        size = float(np.linalg.norm(direction))
        u = direction / size if size else np.eye(self.pending)[0]
        # Householder's reflection, with the sign that does not cancel
        u = u + np.copysign(np.eye(self.pending)[0], u[0])
        u = u / np.linalg.norm(u)
        B = self._coefficients[self.size : self.total, : self.size]
        B -= 2 * np.outer(u, u @ B)
        self.rows.reflect(u)

    def restart(self, small: np.ndarray) -> None:
        """Keep only the span of the orthonormal columns of ``small`` (coordinates in Q), and all pending rows."""
        whole, B = self.T, self.B @ small
        T = small.T @ whole @ small
        keep, lost = small.shape[1], self.lost_in(small)
        if self.rows.rounds:
            # T is symmetric to the rounding of storage only: what leads from the kept vectors to the others
            lost = lost + np.linalg.norm(whole @ small - small @ T, axis=0)
        self._lost[:keep] = lost
        self.rows.rotate(self._in_rows(small))
        self._coefficients[:] = 0
        self._coefficients[:keep, :keep] = T
        self._coefficients[keep : keep + self.pending, :keep] = B
        self.size = keep
        self.restarts += 1
        self._again = 0
        self._gram = np.eye(keep)
        self._factorise()

    def begin_again(self, small: np.ndarray, given_up: tuple[np.ndarray, np.ndarray]) -> None:
        """Keep only the vectors with coordinates ``small``, pending: to be multiplied again, and kept exact.

        Args:
            small: Columns.
            given_up: Values and residuals of the vectors that are not kept.
        """
        self.restarts, self.given_up = self.restarts + 1, given_up
        vectors = self.vectors(small)
        self.rows.clear()
        self.size = self.pending = 0
        self._gram = np.zeros((0, 0))
        for column in vectors.unbind(1):
            self.add(column)
        self._again = self.pending

    def _learn_scale(self) -> None:
        """Multiply a random vector: products of vectors that the operator maps to zero are its rounding alone."""
        v = random_unit_vector(self.n, derive_seed(0, "scale of a basis"), self.like)
        self.matvecs += 1
        self._scale = max(self._scale, self._parts.length_of(self._parts.own(self.operator @ v)))

    def _products(self, rows: list[Tensor]) -> tuple[Tensor, ...]:
        if len(rows) == 1:
            return (self.operator @ self._parts.whole(rows[0]),)
        return (self.operator @ self._parts.whole_columns(torch.stack(rows).T)).unbind(1)

    def _settle(self) -> Tensor:
        """Take the first pending row into Q; return it as it is kept there."""
        row, moved = self.rows.settle()
        self._lost[: self.size] += moved * np.abs(self._coefficients[self.size, : self.size])
        if self.rows.rounds:
            self._gram = np.pad(self._gram, (0, 1))
            self._gram[-1] = self._gram[:, -1] = self.rows.inner_products(row).cpu().numpy()
        self.size += 1
        self.pending -= 1
        return row

    def _take_back(self, settled: list[Tensor]) -> None:
        """Make rows of Q pending again whose products are not known: whoever comes next does not take them for zero."""
        self.rows.take_back(settled)
        self.size -= len(settled)
        self.pending += len(settled)
        self._gram = self._gram[: self.size, : self.size]
        self._factorise()

    def _factorise(self) -> None:
        if self.rows.rounds:
            self._inverse = solve_triangular(np.linalg.cholesky(self._gram), np.eye(self.size), lower=True).T

    def _in_rows(self, small: np.ndarray) -> np.ndarray:
        """Return coordinates in the rows as they are kept."""
        return self._inverse @ small if self.rows.rounds else small

    def lost_in(self, small: np.ndarray) -> np.ndarray:
        """Return what was left out of |HQs - QTs| as rounding, for each column s of ``small``."""
        lost: np.ndarray = self._lost[: self.size] @ np.abs(self._in_rows(small))
        return lost

    def _record(self, column: int, row: Tensor, product: Tensor) -> None:
        before = self.total
        inner = self._parts.add(inner_product(row, product))
        remainder, components = self.rows.remainder(product)
        # everything that is read of a product at once: on a GPU each reading waits for it
        numbers: np.ndarray = torch.cat([components, torch.stack([inner, self._parts.norm(remainder)])]).cpu().numpy()
        own, beta, coefficients = float(numbers[-2]), float(numbers[-1]), numbers[:-2]
        if not math.isfinite(own):
            self.operator.refuse_not_finite(self._parts.whole(row))
            raise FloatingPointError(f"a product with the operator is {own} (product {self.matvecs})")
        if not self.rows.rounds:
            coefficients[column] = own
        self._scale = max(self._scale, math.hypot(float(np.linalg.norm(coefficients)), beta))
        # a vector that is multiplied again is nearly an eigenvector: what is left of it is small, and means something
        times = 1 / 16 if self.follows_rounding else 1 if column < self._again else 10
        least = times * rounding_of_products(remainder.dtype, self._scale)
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
