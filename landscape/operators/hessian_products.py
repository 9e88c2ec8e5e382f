"""The ways to a Hessian-vector product of one batch: the same number, at costs that depend on the network."""

import difflib
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from landscape.errors import ProblemError, UsageError
from landscape.operators.efficient_layers import EfficientLayers
from landscape.operators.linearisation import Linearisation, SavedBytes
from landscape.problem import Problem

Kind = Callable[[Problem, Sequence[Tensor], Any], Linearisation]
"""(problem, leaves that require grad, batch) to the product of that batch."""


def double_backward(problem: Problem, leaves: Sequence[Tensor], batch: Any) -> Linearisation:
    """Return the product by plain double backward: right everywhere in torch, and so the reference of the others."""
    return _differentiated_gradient(problem, leaves, batch, EfficientLayers(convolutions=False, batch_norm=False))


def efficient_double_backward(problem: Problem, leaves: Sequence[Tensor], batch: Any) -> Linearisation:
    """Return the product by double backward through `EfficientLayers`."""
    return _differentiated_gradient(problem, leaves, batch, EfficientLayers())


def reverse_over_forward(problem: Problem, leaves: Sequence[Tensor], batch: Any) -> Linearisation:
    r"""Return the product as the gradient of the directional derivative $\langle\nabla L, v\rangle$; holds nothing."""
    point = tuple(each.detach() for each in leaves)

    def product(v: Sequence[Tensor]) -> Tensor:
        def slope(parameters: tuple[Tensor, ...]) -> Any:
            return torch.func.jvp(lambda *p: problem.batch_loss(p, batch), parameters, tuple(v))[1]

        with EfficientLayers(convolutions=False):
            return problem.flatten(torch.func.grad(slope)(point))

    return Linearisation(product, 0)


def forward_over_reverse(problem: Problem, leaves: Sequence[Tensor], batch: Any) -> Linearisation:
    """Return the product as the directional derivative of the gradient; holds nothing."""
    point = tuple(each.detach() for each in leaves)

    def loss(parameters: tuple[Tensor, ...]) -> Tensor:
        return problem.batch_loss(parameters, batch)

    def product(v: Sequence[Tensor]) -> Tensor:
        derivative = torch.func.jvp(torch.func.grad(loss), (point,), (tuple(v),))[1]
        return problem.flatten(derivative)

    return Linearisation(product, 0)


KINDS: dict[str, Kind] = {
    "efficient double backward": efficient_double_backward,
    "double backward": double_backward,
    "reverse over forward": reverse_over_forward,
    "forward over reverse": forward_over_reverse,
}
"""In the order in which they are preferred where none is clearly faster."""

HOLDABLE = ("efficient double backward", "double backward")
"""Those with a graph that does not depend on v, which serves many products."""


def check_product(wanted: str, space: str = " ") -> None:
    """Refuse a kind of product that there is not; with ``space`` between the words of those that there are.

    Raises:
        UsageError: If it is neither ``"auto"`` nor one of `KINDS`.
    """
    if wanted == "auto" or wanted in KINDS:
        return
    words = len(wanted.split())
    begun = {" ".join(kind.split()[:words]): kind for kind in reversed(KINDS)}
    near = difflib.get_close_matches(wanted, begun, n=1, cutoff=0.5)
    meant = f" Did you mean {begun[near[0]].replace(' ', space)!r}?" if near else ""
    known = ", ".join(kind.replace(" ", space) for kind in ("auto", *KINDS))
    raise UsageError(f"There is no product {wanted.replace(' ', space)!r}.{meant} Known: {known}.")


def check_double_backward(problem: Problem, leaves: Sequence[Tensor], batch: Any) -> None:
    """Go backward through the whole graph of a gradient once.

    Raises:
        ProblemError: If an operation has no second derivative; ``autograd.grad`` would leave it out silently.
    """
    loss = problem.batch_loss(leaves, batch)
    gradient = torch.autograd.grad(loss, leaves, create_graph=True, materialize_grads=True)
    curved = [each for each in gradient if each.requires_grad]
    try:
        if curved:
            # not limited to the leaves by inputs=: that would leave out the very node that is looked for
            torch.autograd.backward(curved, [torch.zeros_like(each) for each in curved])
    except RuntimeError as error:
        raise ProblemError(
            f"The gradient of this model cannot be differentiated again ({error}). Replace the operation that has "
            f"no double backward."
        ) from error
    finally:
        for leaf in leaves:
            leaf.grad = None


def _differentiated_gradient(
    problem: Problem, leaves: Sequence[Tensor], batch: Any, layers: EfficientLayers
) -> Linearisation:
    saved = SavedBytes(resident=leaves)
    with saved, layers:
        loss = problem.batch_loss(leaves, batch)
        gradient = torch.autograd.grad(loss, leaves, create_graph=True, materialize_grads=True)
    # where the gradient does not depend on theta (a linear loss, an unused parameter) its derivative is zero
    curved = [each.requires_grad for each in gradient]
    # the edges into the graph are all that a product needs: the gradient's own values are let go
    edges = [torch.autograd.graph.get_gradient_edge(each) for each in gradient if each.requires_grad]

    def product(v: Sequence[Tensor]) -> Tensor:
        if not edges:
            return torch.zeros(problem.num_parameters, dtype=problem.dtype, device=problem.device)
        directions = [piece for piece, used in zip(v, curved, strict=True) if used]
        products = torch.autograd.grad(edges, leaves, directions, retain_graph=True, materialize_grads=True)
        return problem.flatten(products)

    return Linearisation(product, saved.total)
