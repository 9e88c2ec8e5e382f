"""A measurement that came out as no number: it has no value, and says where the loss cannot be differentiated."""

import dataclasses
import math

import torch

from landscape.measures.measurement import Measurement
from landscape.minimum import Minimum


def without_nan(result: Measurement, minimum: Minimum) -> Measurement:
    """Return the measurement, without a value where that is NaN or infinite, and with the batch that it comes from.

    Cost:
        A gradient, where the value is no number.
    """
    if result.value is not None and not math.isfinite(result.value):
        reason = f"the value is {result.value}: {_where(minimum)}; try float64"
        return dataclasses.replace(
            result, value=None, error=None, residual=None, converged=False, details={}, reason=reason
        )
    if result.error is not None and not math.isfinite(result.error):
        reason = f"{result.reason}; its error is {result.error}"
        return dataclasses.replace(result, error=None, converged=False, reason=reason)
    return result


def _where(minimum: Minimum) -> str:
    problem = minimum.problem
    leaves = [each.detach().requires_grad_() for each in problem.unflatten(minimum.theta)]
    for index, (batch, share) in enumerate(problem.batches()):
        gradient = torch.autograd.grad(problem.batch_loss(leaves, batch), leaves, materialize_grads=True)
        if not all(bool(torch.isfinite(each).all()) for each in gradient):
            count = round(share * problem.num_examples)
            return f"the gradient of batch {index + 1} (of {count} examples) is nan or infinite"
    return "the gradients of all batches are finite, what is made of them is not"
