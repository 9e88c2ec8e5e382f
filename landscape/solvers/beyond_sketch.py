"""Random vectors beyond a sketch that is full: a product each, and nothing is kept of them but numbers."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from torch import Tensor

from landscape.solvers.basis import gram
from landscape.solvers.estimate import FEWEST, DiagonalEstimate, Estimate, StoppingRule, student_factor
from landscape.solvers.probes import Draw, draw_probes, products, row_dots
from landscape.solvers.sketch import Sketch

Found = TypeVar("Found", Estimate, DiagonalEstimate)


@dataclass(frozen=True)
class Fresh:
    """Random vectors that are independent of a sketch, with their products.

    Attributes:
        omega: As rows, shape ``(b, n)``.
        products: H times each, likewise.
        W: Their components along the basis, shape ``(k, b)``, float64.
        T: The components of their products, likewise.
    """

    omega: Tensor
    products: Tensor
    W: Tensor
    T: Tensor

    def outside(self, QHQ: Tensor) -> np.ndarray:
        """Return w'(I - QQ')H(I - QQ')w of each, shape ``(b,)``."""
        inside = (self.W * (QHQ @ self.W)).sum(0)
        return (row_dots(self.omega, self.products) - 2 * (self.W * self.T).sum(0) + inside).numpy()


class Pool:
    """The mean of samples with its standard error; that of the sketch until there are enough for a spread.

    The two are not averaged: the sketch's estimates are of smaller bases and hang together, so that neither their error
    nor their weight is that of as many samples.

    Args:
        mean: What the sketch gave, a number or an array.
        error: Its standard error.
        vectors: Of how many random vectors.
    """

    def __init__(self, mean: np.ndarray | float, error: np.ndarray | float, vectors: int) -> None:
        self._before = np.asarray(mean), np.asarray(error)
        self._mean = self._squares = np.zeros_like(self._before[0], dtype=np.float64)
        self._count, self._vectors = 0, vectors

    def add(self, samples: np.ndarray) -> None:
        """Add samples along the first axis (Welford 1962: no difference of large sums)."""
        for sample in samples:
            self._count += 1
            step = sample - self._mean
            self._mean = self._mean + step / self._count
            self._squares = self._squares + step * (sample - self._mean)

    @property
    def vectors(self) -> int:
        """How many random vectors the error is of."""
        return self._vectors if self._count < FEWEST else self._count

    def mean_and_error(self) -> tuple[np.ndarray, np.ndarray]:
        """Return both."""
        if self._count < FEWEST:
            return self._before
        return self._mean, student_factor(self._count - 1) * np.sqrt(self._squares / (self._count - 1) / self._count)


@dataclass(frozen=True)
class Beyond:
    """How an estimator goes on when its sketch is full.

    Attributes:
        sketch: Its vectors stay as they are.
        draw: Of what distribution.
        seed: Of the random vectors.
        purpose: Of their stream.
        sample: From vectors to a sample each, along the first axis.
    """

    sketch: Sketch
    draw: Draw
    seed: int
    purpose: str
    sample: Callable[[Fresh], np.ndarray]

    def estimate(
        self,
        rule: StoppingRule,
        pool: Pool,
        judge: Callable[[np.ndarray, np.ndarray, int, int], Found],
        *,
        spent: int,
        block_size: int,
        drawn: int = 0,
    ) -> Found:
        """Return the estimate at which the rule stops; as it was where too few products are left for a spread.

        Args:
            rule: When to stop.
            pool: What is known, and takes the samples.
            judge: From a mean, its error, the products spent and the vectors that the error is of to an estimate.
            spent: Products before.
            block_size: Vectors at a time.
            drawn: Vectors that were taken from the stream before.
        """
        found, taken, most = judge(*pool.mean_and_error(), spent, pool.vectors), 0, rule.max_matvecs - spent
        if most < FEWEST:
            return found
        while taken < most and not found.converged:
            count = min(block_size, self.sketch.most, most - taken)
            pool.add(self.sample(self._fresh(range(drawn + taken, drawn + taken + count))))
            taken += count
            if taken >= FEWEST:
                found = judge(*pool.mean_and_error(), spent + taken, pool.vectors)
        return found

    def _fresh(self, indices: range) -> Fresh:
        sketch = self.sketch
        omega = draw_probes(sketch.operator, self.draw, self.seed, self.purpose, indices)
        found = products(sketch.operator, omega)
        return Fresh(omega, found, gram(sketch.Q, omega), gram(sketch.Z, omega))


def as_number(rule: StoppingRule) -> Callable[[np.ndarray, np.ndarray, int, int], Estimate]:
    """Return what judges a number by its error."""
    return lambda mean, error, spent, vectors: rule.estimate(float(mean), float(error), spent, vectors)
