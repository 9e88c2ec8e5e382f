"""The Hessian of a problem by exact Hessian-vector products."""

from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Tensor

from landscape.errors import ProblemError
from landscape.operators.symmetric_operator import SymmetricOperator
from landscape.problem import Problem

_Linearisation = tuple[list[Tensor], float]


class Hessian(SymmetricOperator):
    r"""The Hessian of L at theta, by double backward.

    $$Hv = \nabla_\theta \langle \nabla L(\theta), v \rangle,$$

    with L the mean over the *whole* example set (each batch counts by its size). The graph of the gradient does
    not depend on v, so it is held between products for as many batches as ``memory`` allows; the other batches
    are linearised again for every product.

    Args:
        problem: What L is.
        theta: The point, shape ``(n,)``; the model's own parameters by default.
        memory: Bytes that held graphs may take.

    Cost:
        A product on a held batch is a backward pass through the gradient's graph (about twice a gradient); on
        any other batch, a gradient more.

    Pitfalls:
        Piecewise-linear networks (ReLU) have kinks: this is the Hessian where it exists, and says nothing about
        how far away the next kink lies.

    References:
        Pearlmutter 1994, "Fast exact multiplication by the Hessian", eq. 6.
    """

    def __init__(self, problem: Problem, theta: Tensor | None = None, *, memory: int = 2**30) -> None:
        self.problem = problem
        theta = (problem.theta if theta is None else theta).detach()
        self.shape = (problem.num_parameters, problem.num_parameters)
        self.dtype, self.device = problem.dtype, problem.device
        self._leaves = [each.clone().requires_grad_() for each in problem.unflatten(theta)]
        self._free = memory
        self._held: list[_Linearisation] = []
        self._all_held = False
        self._checked = False

    def matvec(self, v: Tensor) -> Tensor:
        """Return Hv, shape ``(n,)``."""
        total = self.problem.weight_decay * v
        pieces = self.problem.unflatten(v)
        for gradient, share in self._linearisations():
            total = total + share * self._product(gradient, pieces)
        return total

    def _product(self, gradient: list[Tensor], v: list[Tensor]) -> Tensor:
        # where the gradient does not depend on theta (a linear loss, an unused parameter) its derivative is zero
        curved = [(g, piece) for g, piece in zip(gradient, v, strict=True) if g.requires_grad]
        if not curved:
            return torch.zeros(self.shape[0], dtype=self.dtype, device=self.device)
        outputs, directions = zip(*curved, strict=True)
        products = torch.autograd.grad(outputs, self._leaves, directions, retain_graph=True, materialize_grads=True)
        return self.problem.flatten(products)

    def _linearisations(self) -> Iterator[_Linearisation]:
        """Go through the batches' gradients as graphs; the first ones are held while they fit into memory."""
        if self._all_held:
            yield from self._held
            return
        count = 0
        for index, (batch, share) in enumerate(self.problem.batches()):
            count = index + 1
            if index < len(self._held):
                yield self._held[index]
                continue
            gradient, saved = self._linearise(batch)
            if index == len(self._held) and saved <= self._free:
                self._held.append((gradient, share))
                self._free -= saved
            yield gradient, share
        self._all_held = count == len(self._held)

    def _linearise(self, batch: Any) -> tuple[list[Tensor], int]:
        """Return the gradient of one batch with its graph, and the bytes that the graph holds."""
        held: dict[int, int] = {}

        def count(tensor: Tensor) -> Tensor:
            storage = tensor.untyped_storage()
            held[storage.data_ptr()] = storage.nbytes()
            # detached: an output saved by its own node would hold itself in a cycle; autograd joins it again
            return tensor.detach()

        with torch.autograd.graph.saved_tensors_hooks(count, lambda tensor: tensor):
            loss = self.problem.batch_loss(self._leaves, batch)
            gradient = torch.autograd.grad(loss, self._leaves, create_graph=True, materialize_grads=True)
        if not self._checked:
            self._check_double_backward(gradient)
        return list(gradient), sum(held.values())

    def _check_double_backward(self, gradient: Sequence[Tensor]) -> None:
        """Go backward through the whole graph once: a node without a derivative is left out silently otherwise."""
        curved = [each for each in gradient if each.requires_grad]
        try:
            if curved:
                torch.autograd.backward(curved, [torch.zeros_like(each) for each in curved], retain_graph=True)
        except RuntimeError as error:
            raise ProblemError(
                f"The gradient of this model cannot be differentiated again ({error}). Replace the operation that has "
                f"no double backward."
            ) from error
        for leaf in self._leaves:
            leaf.grad = None
        self._checked = True
