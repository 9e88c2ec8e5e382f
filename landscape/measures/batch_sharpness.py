"""The curvature that mini-batch gradients meet on their own batches."""

import math
from typing import Literal, get_args

import numpy as np
import torch

from landscape.errors import UsageError
from landscape.measures.batch_curvature import batch_curvature, estimated
from landscape.measures.exact import UNITS
from landscape.measures.measurement import Measure, Measurement
from landscape.minimum import Minimum
from landscape.randomness import derive_seed
from landscape.registry import measures

_BLIND_SPOT = (
    "Curvature along the gradients of batches of one size: it grows as the batches shrink, and compares between minima "
    "for one batch size only."
)
_FEWEST = 16

Definition = Literal["ratio_of_means", "mean_of_ratios"]
DEFINITIONS = get_args(Definition)


def batch_sharpness(
    minimum: Minimum,
    *,
    seed: int = 0,
    rtol: float = 0.1,
    batch_size: int = 32,
    definition: Definition = "ratio_of_means",
    max_batches: int = 1000,
) -> Measurement:
    r"""Return $E_B[g_B^\top H_B\, g_B] \,/\, E_B|g_B|^2$, with gradient and Hessian of the same batch B.

    Args:
        minimum: What to measure.
        seed: Of the batches.
        rtol: Tolerance of the standard error, relative to the value.
        batch_size: Examples of a batch, drawn without replacement; all of them where there are no more.
        definition: ``"ratio_of_means"`` as above, or ``"mean_of_ratios"``: $E_B[g_B^\top H_B\, g_B / |g_B|^2]$.
        max_batches: Most batches.

    Returns:
        The one asked for; ``details`` has both, with standard errors (that of a ratio of means to first order).

    Raises:
        UsageError: If a count is out of its range.

    Cost:
        A gradient and a product on every batch.

    Invariances:
        Permutation of neurons.

    References:
        Andreyev and Beneventano 2024, "Edge of stochastic stability: revisiting the edge of stability for SGD".
    """
    if batch_size < 1 or max_batches < 2:
        raise UsageError(
            f"batch_size must be at least 1 and max_batches at least 2; they are {batch_size} and {max_batches}."
        )
    problem = minimum.problem
    if batch_size >= problem.num_examples:
        curvature, square = batch_curvature(problem, minimum.theta)
        return _of_all(minimum, curvature, square)
    pairs = np.empty((0, 2))
    while True:
        batch = problem.subset(batch_size, derive_seed(seed, "batch sharpness", len(pairs)))
        pairs = np.vstack([pairs, batch_curvature(batch, minimum.theta)])
        if len(pairs) < min(_FEWEST, max_batches):
            continue
        both = estimated(pairs)
        value, error = getattr(both, definition), getattr(both, f"{definition}_error")
        converged = error <= rtol * abs(value)
        if converged or len(pairs) >= max_batches:
            break
    share = math.ceil(len(pairs) * batch_size / problem.num_examples)
    reason = "the standard error is within rtol" if converged else f"max_batches ({max_batches}) reached"
    return Measurement(
        value=value,
        error=error,
        error_kind="standard error",
        matvecs=share,
        passes=share,
        converged=converged,
        reason=f"{reason}, {len(pairs)} batches",
        caveat=f"Batches of {batch_size}, {definition.replace('_', ' ')}. {_BLIND_SPOT}",
        details={
            "batch_size": batch_size,
            "batches": len(pairs),
            **{name: {"value": getattr(both, name), "error": getattr(both, f"{name}_error")} for name in DEFINITIONS},
        },
    )


def _of_all(minimum: Minimum, curvature: float, square: float) -> Measurement:
    if square == 0:
        return Measurement(None, passes=1, reason="the gradient is zero", caveat=_BLIND_SPOT)
    value = curvature / square
    return Measurement(
        value=value,
        error=UNITS * float(torch.finfo(minimum.problem.dtype).eps) * abs(value),
        error_kind="rounding",
        matvecs=1,
        passes=1,
        converged=True,
        reason="one batch of all examples",
        caveat=f"Full batch. {_BLIND_SPOT}",
        details={"batch_size": minimum.problem.num_examples, "batches": 1},
    )


measures.register("batch_sharpness", "curvature along mini-batch gradients on their own batches")(
    Measure(
        batch_sharpness,
        "batch sharpness",
        r"E_B[g_B^\top H_B g_B] / E_B |g_B|^2",
        _BLIND_SPOT,
        "batch sharpness",
        20,
    )
)
