"""The distribution over targets that a loss stands for: what a Fisher matrix takes its expectation over."""

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from landscape.errors import ProblemError
from landscape.losses import cross_entropy, half_squared, mse
from landscape.problem import Problem


def output_precision(criterion: Any, num_outputs: int) -> float | None:
    """Return the precision of the Gaussian that a squared loss stands for; None for the softmax of cross-entropy.

    The precision makes the loss the negative log-likelihood up to a constant: 1 for ``half_squared``, 2/outputs
    for ``mse`` and ``torch.nn.MSELoss``.

    Raises:
        ProblemError: If the loss stands for no distribution known here.
    """
    if criterion in (cross_entropy, F.cross_entropy) or isinstance(criterion, nn.CrossEntropyLoss):
        return None
    if criterion is half_squared:
        return 1.0
    if criterion in (mse, F.mse_loss) or isinstance(criterion, nn.MSELoss):
        return 2.0 / num_outputs
    name = getattr(criterion, "__name__", type(criterion).__name__)
    raise ProblemError(
        f"The Fisher matrix needs a loss that is a negative log-likelihood; {name} is none that is known here. "
        f"Use cross_entropy, half_squared or mse, or GaussNewton, which takes any criterion."
    )


def predictive_precision(problem: Problem, outputs: Tensor) -> float | None:
    """Return `output_precision` of a problem's loss at these outputs.

    Raises:
        ProblemError: If the loss stands for no distribution known here, or classes are not in the last of two
            dimensions.
    """
    precision = output_precision(problem.require_criterion(), outputs[0].numel())
    if precision is None and outputs.ndim != 2:
        raise ProblemError(
            f"The distribution of a softmax over outputs of shape {tuple(outputs.shape)} is not known here: they must "
            f"be (examples, classes)."
        )
    return precision


def type_ii_product(outputs: Tensor, precision: float | None) -> Callable[[Tensor], Tensor]:
    r"""Return the product with the expected outer product of scores, $\operatorname{diag} p - pp^\top$ or its like.

    Args:
        outputs: Shape ``(B, outputs)``.
        precision: As `output_precision` gives it.
    """
    if precision is not None:
        return lambda u: precision * u
    p = _probabilities(outputs)

    def product(u: Tensor) -> Tensor:
        exact = u.to(p.dtype)
        return (p * (exact - (p * exact).sum(1, keepdim=True))).to(u.dtype)

    return product


def scores_of_draws(outputs: Tensor, precision: float | None, draws: Tensor) -> Tensor:
    r"""Return $\partial \ell(f_n, y)/\partial f_n$ with y drawn from the model, shape ``(B, outputs)``.

    Args:
        outputs: Shape ``(B, outputs)``.
        precision: As `output_precision` gives it.
        draws: What chance gave: uniform in [0, 1), shape ``(B,)``, for a softmax; normal, shape ``(B, outputs)``,
            for a Gaussian; float64.
    """
    if precision is not None:
        return (math.sqrt(precision) * draws).to(outputs)
    p = _probabilities(outputs)
    below = p.to(draws).cumsum(1)
    drawn = torch.searchsorted(below, draws[:, None] * below[:, -1:], right=True).clamp_(max=p.shape[1] - 1)
    chosen: Tensor = torch.zeros_like(p).scatter_(1, drawn.to(p.device), 1.0)
    return (p - chosen).to(outputs.dtype)


def _probabilities(outputs: Tensor) -> Tensor:
    """Return the softmax in double precision, in which 1 - p keeps its digits where a network is sure of its labels."""
    return outputs.softmax(1) if outputs.device.type == "mps" else outputs.double().softmax(1)
