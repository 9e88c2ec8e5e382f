"""Whether the loss of a batch is the mean over its parts, as the mean over all examples supposes."""

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from landscape.batch_structure import Whole, batch_size_of, rows_of
from landscape.errors import ProblemError

_DEPENDS = (
    "the loss of a batch is not the mean of its parts' losses, so numbers depend on how examples are batched; where it "
    "is a mean over something else than examples (tokens), batch_weight_of= says over what"
)


def note_on_batches(
    loss_of: Callable[[Any], Tensor], weight_of: Callable[[Any], float], batch: Any, dtype: torch.dtype
) -> list[str]:
    """Return what is to be said where the loss of a batch is not the weighted mean of its parts' losses.

    Args:
        loss_of: A batch to its loss.
        weight_of: A batch to what it counts by.
        batch: Some examples; nothing is said of one that cannot be taken apart.
        dtype: Of the computation.

    Raises:
        ProblemError: If it is their sum.

    Cost:
        Three forward passes.
    """
    size = batch_size_of(batch)
    if isinstance(batch, Whole) or size < 3:
        return []
    cut = size // 3
    parts = [rows_of(batch, torch.arange(cut)), rows_of(batch, torch.arange(cut, size))]
    try:
        whole, *values = (float(loss_of(each).detach()) for each in (batch, *parts))
        weights = [float(weight_of(each)) for each in parts]
    except Exception:
        # a model that bears no other batch than its own: nothing can be said
        return []
    if not (all(map(math.isfinite, (whole, *values))) and sum(weights) > 0):
        return []
    mean = sum(w * each for w, each in zip(weights, values, strict=True)) / sum(weights)
    tolerance = max(100 * torch.finfo(dtype).eps, 1e-9) * max(abs(whole), *map(abs, values))
    if abs(whole - mean) <= tolerance:
        return []
    if abs(whole - sum(values)) <= tolerance:
        raise ProblemError(
            f"The loss of a batch is the sum over its examples ({whole:.6g} for {size}, {values[0]:.6g} for {cut} of "
            f"them), not their mean. Divide by the number of examples, or give a criterion with reduction='sum'."
        )
    return [_DEPENDS]
