"""Products with J'AJ of one batch: J the Jacobian of the outputs, A a matrix on the outputs."""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from landscape.operators.efficient_layers import EfficientLayers
from landscape.operators.linearisation import Linearisation, SavedBytes
from landscape.problem import Problem

OutputProduct = Callable[[Tensor], Tensor]
"""The product with A: a map of tensors shaped like the outputs."""


def jacobian_sandwich(
    problem: Problem,
    leaves: Sequence[Tensor],
    batch: Any,
    matrix: Callable[[Tensor], OutputProduct],
    *,
    efficient: bool = True,
) -> Linearisation:
    r"""Return the product $v \mapsto J^\top A J v$ of one batch, on graphs that are held.

    $J^\top u$ is linear in u, so its derivative by u is J: both products are backward passes through held graphs.

    Args:
        problem: Its outputs must be a single tensor.
        leaves: The point, as parameters that require grad.
        batch: ``(x, y)``.
        matrix: The batch's outputs to the product with A.
        efficient: Go through `EfficientLayers`, which models that differentiate in their forward pass do not bear.

    Cost:
        Counted in convolutions (a gradient is 3): 4 a product, 2 to hold.
    """
    saved = SavedBytes(resident=leaves)
    with saved, EfficientLayers(convolutions=efficient, batch_norm=efficient, linear=True):
        outputs = problem.batch_outputs(leaves, batch)
        cotangent = torch.zeros_like(outputs).requires_grad_()
        pulled = torch.autograd.grad(outputs, leaves, cotangent, create_graph=True, materialize_grads=True)
        curvature = matrix(outputs.detach())
    used = [each.requires_grad for each in pulled]
    edges = [torch.autograd.graph.get_gradient_edge(each) for each in pulled if each.requires_grad]
    output_edge = torch.autograd.graph.get_gradient_edge(outputs)

    def product(v: Sequence[Tensor]) -> Tensor:
        pieces = [piece for piece, each in zip(v, used, strict=True) if each]
        if not pieces:
            return torch.zeros(problem.num_parameters, dtype=problem.dtype, device=problem.device)
        (pushed,) = torch.autograd.grad(edges, [cotangent], pieces, retain_graph=True)
        back = torch.autograd.grad(
            [output_edge], leaves, [curvature(pushed)], retain_graph=True, materialize_grads=True
        )
        return problem.flatten(back)

    return Linearisation(product, saved.total)
