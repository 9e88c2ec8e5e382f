"""An operator as SciPy sees it, with every product counted, limited and looked at."""

import numpy as np
import torch
from scipy.sparse.linalg import LinearOperator

from landscape.operators.symmetric_operator import SymmetricOperator
from landscape.solvers.eigen_request import EigenRequest
from landscape.solvers.eigenpairs import Eigenpairs, one_for_each, rounding_of_products
from landscape.solvers.questioned import questioned
from landscape.solvers.symmetry import refuse_asymmetry


class ProductsSpent(Exception):
    """A solver wants more products than it may spend."""


class CountedProducts(LinearOperator):  # type: ignore[misc]
    """Products in the operator's precision, float64 in and out.

    Args:
        operator: What to multiply by.
        budget: Most products.
        keep: How many of the last vectors and products to remember, for when the budget runs out.
    """

    def __init__(self, operator: SymmetricOperator, budget: int, keep: int) -> None:
        super().__init__(np.float64, operator.shape)
        self.operator, self.budget, self.count = operator, budget, 0
        self._keep = keep
        self._inputs: list[np.ndarray] = []
        self._outputs: list[np.ndarray] = []
        self._largest = 0.0

    def _matvec(self, v: np.ndarray) -> np.ndarray:
        return self._matmat(v.reshape(-1, 1))[:, 0]

    def _matmat(self, V: np.ndarray) -> np.ndarray:
        if self.count + V.shape[1] > self.budget:
            raise ProductsSpent
        HV = self.multiply(V)
        self._inputs = [*self._inputs, *V.T.copy()][-self._keep :]
        self._outputs = [*self._outputs, *HV.T][-self._keep :]
        return HV

    def multiply(self, V: np.ndarray) -> np.ndarray:
        """Return the products with the columns of V, whatever the budget.

        Raises:
            FloatingPointError: If one is not finite.
        """
        block = torch.from_numpy(np.ascontiguousarray(V))
        product = self.operator @ block if V.shape[1] > 1 else (self.operator @ block[:, 0]).unsqueeze(1)
        HV: np.ndarray = product.double().cpu().numpy()
        self.count += V.shape[1]
        with np.errstate(divide="ignore", invalid="ignore"):
            grown = np.linalg.norm(HV, axis=0) / np.linalg.norm(V, axis=0)
        self._largest = max(self._largest, float(np.nan_to_num(grown, nan=0.0, posinf=0.0).max(initial=0.0)))
        if not np.isfinite(HV).all():
            worst = int((~np.isfinite(HV)).any(axis=0).argmax())
            self.operator.refuse_not_finite(block[:, worst].to(self.operator.device, self.operator.dtype))
            raise FloatingPointError(f"a product with the operator is nan or infinite (product {self.count})")
        return HV

    def best(self, largest: bool, count: int) -> np.ndarray:
        """Return the best vectors within the span of those remembered, as columns; fewer if it is smaller."""
        if not self._inputs or not count:
            return np.empty((self.shape[0], 0))
        # by inner products: copies of all vectors would take as much memory again, several times
        squares, W = np.linalg.eigh(_inner(self._inputs, self._inputs))
        clear = squares > 1e-12 * squares[-1]
        W = W[:, clear] / np.sqrt(squares[clear])
        small = W.T @ _inner(self._inputs, self._outputs) @ W
        chosen = np.linalg.eigh((small + small.T) / 2)[1][:, :: -1 if largest else 1][:, :count]
        vectors = np.zeros((self.shape[0], chosen.shape[1]))
        for weights, vector in zip(W @ chosen, self._inputs, strict=True):
            vectors += np.outer(vector, weights)
        return vectors

    def measured(self, vectors: np.ndarray, request: EigenRequest, reason: str, seed: int) -> Eigenpairs:
        """Return the pairs of these vectors, with residuals from one product each, and questioned.

        Args:
            vectors: As columns.
            request: What is wanted.
            reason: Why they are these.
            seed: Of the random vector that questions them.
        """
        V = vectors / np.linalg.norm(vectors, axis=0)
        HV = self.multiply(V)
        small, scale = V.T @ HV, self._largest
        if scale:
            refuse_asymmetry(float(np.abs(small - small.T).max()) / scale, self.operator.dtype)
        values, rounding = np.diag(small), rounding_of_products(self.operator.dtype, scale)
        residuals = np.linalg.norm(HV - V * values, axis=0) + rounding
        order = np.argsort(-values)
        within = residuals <= np.maximum(request.rtol * np.abs(values), 2 * rounding)
        converged = len(values) == request.count and bool(within.all())
        pairs = Eigenpairs(
            values=values[order],
            vectors=torch.from_numpy(V[:, order]).to(self.operator.device, self.operator.dtype),
            residuals=residuals[order],
            # the neighbours beyond the last value were not looked for, so no gap is known
            bounds=one_for_each(values, residuals)[order],
            bound_kind=("rigorous",) * len(values),
            sines=np.ones(len(values)),
            matvecs=self.count,
            converged=converged,
            reason="every measured residual is within rtol" if converged else reason,
            cost=float(self.count),
        )
        products = torch.from_numpy(HV[:, order]).to(pairs.vectors.device)
        return questioned(self.operator, pairs, products, request, seed)


def _inner(left: list[np.ndarray], right: list[np.ndarray]) -> np.ndarray:
    """Return the inner products of vectors, shape ``(len(left), len(right))``."""
    return np.array([[a @ b for b in right] for a in left])
