"""The Hessian of the loss by the outputs as a sum of outer products: A = sum_c s_c s_c'."""

import math

import torch
from torch import Tensor

from landscape.errors import ProblemError
from landscape.operators.predictive import predictive_precision
from landscape.problem import Problem


def exact_factors(problem: Problem, outputs: Tensor, y: Tensor) -> Tensor:
    r"""Return columns whose outer products add up to each example's $\nabla_f^2 \ell$, shape ``(c, n, ...)``.

    For the softmax these are the columns of the Cholesky factor of $\operatorname{diag} p - pp^\top$, one fewer than
    classes; for a squared error the unit vectors times a root; for any other criterion they come from its Hessian.

    Args:
        problem: Whose criterion.
        outputs: Shape ``(n, ...)``, detached.
        y: Targets of these examples.

    Raises:
        ProblemError: If the loss is not convex in the outputs.
    """
    try:
        precision = predictive_precision(problem, outputs)
    except ProblemError:
        return _from_hessian(problem, outputs, y)
    if precision is None:
        # class probabilities as targets: p - pp' only where they add up to one
        return _from_hessian(problem, outputs, y) if y.is_floating_point() else _softmax_factors(outputs)
    size = outputs[0].numel()
    unit = torch.eye(size, dtype=outputs.dtype, device=outputs.device).view(size, 1, *outputs.shape[1:])
    return (math.sqrt(precision) * unit).expand(-1, len(outputs), *outputs.shape[1:])


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
    n, count = len(outputs), outputs[0].numel()
    f = outputs.double().requires_grad_()
    try:
        with torch.enable_grad():
            loss = problem.require_criterion()(f, y.double() if y.is_floating_point() else y) * n
            (gradient,) = torch.autograd.grad(loss, f, create_graph=True)
        if not gradient.requires_grad:
            return torch.zeros_like(outputs)[None]
        flat = gradient.reshape(n, count)
        rows = [torch.autograd.grad(flat[:, c].sum(), f, retain_graph=True)[0].view(n, count) for c in range(count)]
    except RuntimeError as error:
        raise ProblemError(f"The loss has no second derivative by the outputs ({error}).") from error
    values, vectors = torch.linalg.eigh(torch.stack(rows, dim=1))
    if bool((values < -1e-8 * values.abs().amax(1, keepdim=True)).any()):
        raise ProblemError(
            f"The loss is not convex in the outputs: its Hessian there has the eigenvalue {float(values.min()):.3g}. "
            f"Use method 'hutchinson'."
        )
    columns: Tensor = vectors * values.clamp(min=0).sqrt()[:, None, :]
    return columns.permute(2, 0, 1).reshape(count, *outputs.shape).to(outputs.dtype)
