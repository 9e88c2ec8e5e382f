"""The Hessian of the loss by the outputs as a sum of outer products: A = sum_c s_c s_c'."""

import math

import torch
from torch import Tensor

from landscape.errors import ProblemError
from landscape.operators.predictive import output_precision
from landscape.problem import Problem


def exact_factors(problem: Problem, outputs: Tensor, y: Tensor) -> Tensor:
    r"""Return columns whose outer products add up to each example's $\nabla_f^2 \ell$, shape ``(c, n, outputs)``.

    For the softmax these are the columns of the Cholesky factor of $\operatorname{diag} p - pp^\top$, one fewer than
    classes; for a squared error the unit vectors times a root; for any other criterion they come from its Hessian.

    Args:
        problem: Whose criterion.
        outputs: Shape ``(n, outputs)``, detached.
        y: Targets of these examples.

    Raises:
        ProblemError: If the loss is not convex in the outputs.
    """
    try:
        precision = output_precision(problem.require_criterion(), outputs.shape[1])
    except ProblemError:
        return _from_hessian(problem, outputs, y)
    if precision is None:
        return _softmax_factors(outputs)
    unit = torch.eye(outputs.shape[1], dtype=outputs.dtype, device=outputs.device)
    return (math.sqrt(precision) * unit)[:, None, :].expand(-1, len(outputs), -1)


def _softmax_factors(outputs: Tensor) -> Tensor:
    p = outputs.double().softmax(1)
    # what is left of the mass from class j on; stick breaking gives the Cholesky factor in closed form
    left = p.flip(1).cumsum(1).flip(1)
    tiny = torch.finfo(torch.float64).tiny
    count = p.shape[1]
    root = (p[:, :-1] * left[:, 1:] / left[:, :-1].clamp(min=tiny)).sqrt()
    below = torch.ones(count, count, dtype=p.dtype, device=p.device).tril(-1)[:, :-1]
    scale = (p[:, :-1] / (left[:, :-1] * left[:, 1:]).clamp(min=tiny)).sqrt()
    diagonal = torch.nn.functional.pad(torch.diag_embed(root, dim1=1, dim2=2), (0, 0, 0, 1))
    factor: Tensor = diagonal - below * p[:, :, None] * scale[:, None, :]
    columns: Tensor = factor.permute(2, 0, 1).to(outputs.dtype)
    return columns


def _from_hessian(problem: Problem, outputs: Tensor, y: Tensor) -> Tensor:
    n, count = outputs.shape
    f = outputs.double().requires_grad_()
    with torch.enable_grad():
        loss = problem.require_criterion()(f, y.double() if y.is_floating_point() else y) * n
        (gradient,) = torch.autograd.grad(loss, f, create_graph=True)
    if not gradient.requires_grad:
        return outputs.new_zeros(1, n, count)
    rows = [torch.autograd.grad(gradient[:, c].sum(), f, retain_graph=True)[0] for c in range(count)]
    values, vectors = torch.linalg.eigh(torch.stack(rows, dim=1))
    if bool((values < -1e-8 * values.abs().amax(1, keepdim=True)).any()):
        raise ProblemError(
            f"The loss is not convex in the outputs: its Hessian there has the eigenvalue {float(values.min()):.3g}. "
            f"Use method 'hutchinson'."
        )
    columns: Tensor = vectors * values.clamp(min=0).sqrt()[:, None, :]
    return columns.permute(2, 0, 1).to(outputs.dtype)
