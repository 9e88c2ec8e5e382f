"""The Hessian of a problem by exact Hessian-vector products."""

import dataclasses
import math
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from landscape.full_precision import full_precision
from landscape.operators.finite_products import reads_are_free, refuse_not_finite
from landscape.operators.held_batches import HeldBatches
from landscape.operators.hessian_products import HOLDABLE, KINDS
from landscape.operators.linearisation import Linearisation
from landscape.operators.own_parts import over_all
from landscape.operators.point import Point
from landscape.operators.product_choice import Choice, choose
from landscape.operators.require_problem import require_problem
from landscape.operators.symmetric_operator import SymmetricOperator
from landscape.problem import Problem


class Hessian(SymmetricOperator):
    r"""The Hessian of L at theta, by exact products.

    $$Hv = \nabla_\theta \langle \nabla L(\theta), v \rangle,$$

    with L the mean over the *whole* example set (each batch counts by its size). The graph of the gradient does
    not depend on v, so it is held between products for as many batches as ``memory`` allows; the other batches
    are done again for every product. How a product is computed is chosen by trying (see `choose`): every way is
    used only after it agreed with plain double backward to rounding at this very point.

    Args:
        problem: What L is. The order of its parameters is that of the vector's elements.
        theta: The point, shape ``(n,)``; the model's own parameters by default.
        memory: Bytes that held graphs may take, with the one in hand; half of what is free when None.
        product: A kind of product by name instead of the best, such as ``"double backward"``.

    Cost:
        Counted in convolutions (a gradient is 3): 6 a product on a held batch, 8 on any other, 2 to hold one. On a GPU,
        where starting kernels is most of what a product takes, it is captured after the eighth and replayed: 2 to 5.5
        times as fast on small networks (``batches.replays``).

    Raises:
        ProblemError: At the first product, if the model has no second derivative or one batch does not fit into
            the memory.
        FloatingPointError: At any product, if it is not finite. On a GPU a product is not waited for: there the
            solver that reads it raises this.
        UsageError: At the first product, if the kind asked for does not exist or is wrong here.

    Pitfalls:
        Piecewise-linear networks (ReLU) have kinks: this is the Hessian where it exists, and says nothing about
        how far away the next kink lies.

    References:
        Pearlmutter 1994, "Fast exact multiplication by the Hessian", eq. 6.
    """

    def __init__(
        self, problem: Problem, theta: Tensor | None = None, *, memory: int | None = None, product: str = "auto"
    ) -> None:
        require_problem(problem, "Hessian")
        self.problem = problem
        self.shape = (problem.num_parameters, problem.num_parameters)
        self.dtype, self.device, self.tf32 = problem.dtype, problem.device, problem.tf32
        self.holders = problem.holders
        self._point = Point(problem, theta)
        self._wanted = product
        # a held graph would hold the gathered parameters
        hold_any = (product == "auto" or product in HOLDABLE) and not self._point.sharded
        self.batches = HeldBatches(
            problem, self._hold, memory, hold_any=hold_any, ready=lambda: hold_any and self.held_choice
        )

    @property
    def theta(self) -> Tensor:
        """The point, shape ``(n,)``; gathered where it is sharded."""
        return self._point.theta

    @cached_property
    def held_choice(self) -> Choice:
        """How products on held batches are computed, and what was tried."""
        return self._choose(held=True)

    @cached_property
    def other_choice(self) -> Choice:
        """How products on batches that are not held are computed, and what was tried."""
        return self._choose(held=False)

    def look(self) -> None:
        """Linearise one batch, so that ``batches`` knows what it takes; by double backward where none are held."""
        with self._point.gathered(), full_precision(self.tf32):
            self.batches.look(None if self.batches.hold_any else self._graph)

    def matvec(self, v: Tensor) -> Tensor:
        """Return Hv, shape ``(n,)``."""
        with self._point.gathered():
            return self._products([v])[0]

    def matmat(self, V: Tensor) -> Tensor:
        """Return HV, shape ``(n, k)``; a batch that is not held is linearised once for all columns."""
        with self._point.gathered():
            return torch.stack(self._products(list(V.unbind(1))), dim=1)

    def describe(self) -> dict[str, Any]:
        """Return how products were computed so far, as plain JSON types: kinds, checks, batches and bytes held."""
        chosen = {"held": self.__dict__.get("held_choice"), "other": self.__dict__.get("other_choice")}
        return {
            **{name: dataclasses.asdict(choice) for name, choice in chosen.items() if choice is not None},
            "held_batches": self.batches.count,
            "held_bytes": self.batches.held_bytes,
            "planned_bytes": self.batches.planned_bytes,
            "memory": self.batches.memory,
        }

    def _products(self, vectors: list[Tensor]) -> list[Tensor]:
        vectors = [v.contiguous() for v in vectors]
        totals = [torch.zeros_like(v) for v in vectors]
        pieces = [self.problem.unflatten(v) for v in vectors]
        # one graph serves all columns of a block; for a single vector another kind may be cheaper
        otherwise = self._from_scratch if len(vectors) == 1 or not self.batches.hold_any else self._hold
        with self.problem.ranks.own_work() as own:
            for linearisation, share in self.batches.iterate(otherwise):
                for index, piece in enumerate(pieces):
                    totals[index] = totals[index].add(linearisation.product(piece), alpha=share)
                # let go of before the next one is made
                del linearisation
        totals = over_all(self.problem, totals, vectors, own)
        if reads_are_free(self.device):
            for total, v in zip(totals, vectors, strict=True):
                if not math.isfinite(float(total.sum())):
                    self.refuse_not_finite(v)
        return totals

    def refuse_not_finite(self, v: Tensor) -> None:
        """Raise with the number of the batch whose product with v is not finite; return if there is none.

        Raises:
            FloatingPointError: If there is one.
        """
        with self._point.gathered(), full_precision(self.tf32):
            refuse_not_finite(self.problem, self._point.leaves, v, self._hold)

    def _choose(self, *, held: bool) -> Choice:
        with self._point.gathered(), full_precision(self.tf32):
            return choose(self.problem, self._point.leaves, held=held, wanted=self._wanted)

    def _graph(self, batch: Any, before: int) -> Linearisation:
        return KINDS["double backward"](self.problem, self._point.leaves, batch)

    def _hold(self, batch: Any, before: int) -> Linearisation:
        return KINDS[self.held_choice.kind](self.problem, self._point.leaves, batch)

    def _from_scratch(self, batch: Any, before: int) -> Linearisation:
        return KINDS[self.other_choice.kind](self.problem, self._point.leaves, batch)
