"""The generalized Gauss-Newton matrix."""

import math
from collections.abc import Callable
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from landscape.batches import spread_rows
from landscape.full_precision import full_precision
from landscape.operators.finite_products import reads_are_free, refuse_not_finite
from landscape.operators.held_batches import HeldBatches
from landscape.operators.jacobian_products import OutputProduct, jacobian_sandwich
from landscape.operators.linearisation import Linearisation
from landscape.operators.own_parts import over_all
from landscape.operators.point import Point
from landscape.operators.require_problem import require_problem
from landscape.operators.symmetric_operator import SymmetricOperator
from landscape.problem import Problem

OutputMatrix = Callable[[Tensor, Any, int], OutputProduct]


class JacobianSandwich(SymmetricOperator):
    r"""$\frac1N \sum_n J_n^\top A_n J_n$ over all examples, plus the weight decay of the problem.

    Args:
        problem: Its loss must be a criterion of (outputs, targets).
        theta: The point, shape ``(n,)``; the model's own parameters by default.
        matrix: (outputs, batch, number of examples before it) to the product with A of the batch's *mean*.
        memory: Bytes that held graphs may take; half of what is free when None.
    """

    def __init__(self, problem: Problem, theta: Tensor | None, matrix: OutputMatrix, memory: int | None) -> None:
        require_problem(problem, type(self).__name__)
        problem.require_criterion()
        self.problem = problem
        self.shape = (problem.num_parameters, problem.num_parameters)
        self.dtype, self.device, self.tf32 = problem.dtype, problem.device, problem.tf32
        self.holders = problem.holders
        self._point = Point(problem, theta)
        self._matrix = matrix
        self.batches = HeldBatches(
            problem, self._linearise, memory, hold_any=not self._point.sharded, ready=lambda: self.efficient
        )

    def look(self) -> None:
        """Linearise one batch, so that ``batches`` knows what it takes."""
        with self._point.gathered(), full_precision(self.tf32):
            self.batches.look()

    def matvec(self, v: Tensor) -> Tensor:
        """Return the product with one vector, shape ``(n,)``."""
        return self.matmat(v[:, None])[:, 0]

    def matmat(self, V: Tensor) -> Tensor:
        """Return the product with each column, shape ``(n, k)``; every batch is linearised at most once."""
        with self._point.gathered():
            return self._products(V)

    def _products(self, V: Tensor) -> Tensor:
        columns = [column.contiguous() for column in V.unbind(1)]
        totals = [torch.zeros_like(v) for v in columns]
        pieces = [self.problem.unflatten(v) for v in columns]
        with self.problem.ranks.own_work() as own:
            for linearisation, share in self.batches.iterate(self._linearise):
                for index, piece in enumerate(pieces):
                    totals[index] = totals[index].add(linearisation.product(piece), alpha=share)
                # let go of before the next one is made
                del linearisation
        totals = over_all(self.problem, totals, columns, own)
        if reads_are_free(self.device):
            for total, v in zip(totals, columns, strict=True):
                if not math.isfinite(float(total.sum())):
                    self.refuse_not_finite(v)
        return torch.stack(totals, dim=1)

    def refuse_not_finite(self, v: Tensor) -> None:
        """Raise with the number of the batch whose product with v is not finite; return if there is none.

        Raises:
            FloatingPointError: If there is one.
        """
        with self._point.gathered(), full_precision(self.tf32):
            refuse_not_finite(self.problem, self._point.leaves, v, self._linearise)

    def _linearise(self, batch: Any, before: int) -> Linearisation:
        return self._sandwich(batch, before, efficient=self.efficient)

    def _sandwich(self, batch: Any, before: int, *, efficient: bool) -> Linearisation:
        return jacobian_sandwich(
            self.problem,
            self._point.leaves,
            batch,
            lambda outputs: self._matrix(outputs, batch, before),
            efficient=efficient,
        )

    @cached_property
    def efficient(self) -> bool:
        """Whether layers with cheap derivatives give the same product as torch's, to rounding, on a few examples."""
        batch = spread_rows(next(self.problem.batches())[0], 8)
        generator = torch.Generator().manual_seed(0)
        v = torch.randn(self.shape[0], generator=generator, dtype=torch.float64).to(self.device, self.dtype)
        pieces = self.problem.unflatten(v)
        exact = self._sandwich(batch, 0, efficient=False).product(pieces)
        try:
            found = self._sandwich(batch, 0, efficient=True).product(pieces)
        except RuntimeError:
            # what torch raises where the layers are not seen again, such as in a checkpointed part
            return False
        return bool((found - exact).norm() <= 1000 * torch.finfo(self.dtype).eps * exact.norm())


class GaussNewton(JacobianSandwich):
    r"""The generalized Gauss-Newton matrix of L at theta: the Hessian with the network linearised.

    $$G = \frac1N \sum_n J_n^\top \nabla_f^2 \ell(f_n, y_n) J_n, \qquad H = G + \frac1N \sum_n \sum_k
    \frac{\partial \ell_n}{\partial f_k} \nabla^2 f_k(x_n)$$

    Positive semi-definite for losses convex in the outputs. For cross-entropy it is the Fisher matrix (type II).

    Args:
        problem: What L is; its loss must be a criterion of (outputs, targets).
        theta: The point, shape ``(n,)``; the model's own parameters by default.
        memory: Bytes that held graphs may take; half of what is free when None.

    Cost:
        Counted in convolutions (a gradient is 3): 4 a product on a held batch, 6 on any other.

    Raises:
        ProblemError: If the loss is no criterion: then there are no outputs to linearise.

    References:
        Schraudolph 2002, "Fast curvature matrix-vector products for second-order gradient descent", section 3.
    """

    def __init__(self, problem: Problem, theta: Tensor | None = None, *, memory: int | None = None) -> None:
        super().__init__(problem, theta, self._loss_hessian, memory)

    def _loss_hessian(self, outputs: Tensor, batch: Any, before: int) -> OutputProduct:
        """Return the product with the Hessian of the batch's mean loss by the outputs."""
        f = outputs.clone().requires_grad_()
        with torch.enable_grad():
            loss = self.problem.batch_criterion(f, batch)
            (gradient,) = torch.autograd.grad(loss, f, create_graph=True)

        def product(u: Tensor) -> Tensor:
            if not gradient.requires_grad:
                return torch.zeros_like(u)
            return torch.autograd.grad(gradient, f, u, retain_graph=True)[0]

        return product
