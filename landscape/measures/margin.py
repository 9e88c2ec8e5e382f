"""The margin of the logits."""

from typing import Literal

import torch
from torch import Tensor

from landscape.measures.exact import rounding
from landscape.measures.measurement import Measure, Measurement
from landscape.measures.spectral_norms import spectral_norms_of
from landscape.minimum import Minimum
from landscape.registry import measures

_BLIND_SPOT = "One quantile of the logits' differences: it grows with the scale of the logits and with training."


def margin(
    minimum: Minimum,
    *,
    seed: int = 0,
    quantile: float = 0.1,
    normalized: Literal["none", "spectral_norm_product"] = "none",
) -> Measurement:
    r"""Return the 10th percentile of the margin $f_{y} - \max_{j \ne y} f_j$ over the examples.

    Args:
        minimum: What to measure: a classifier with outputs ``(examples, classes)`` and integer labels.
        seed: Of the spectral norms, where they are asked for.
        quantile: Which; the quantile is interpolated linearly between examples.
        normalized: ``"none"``, or ``"spectral_norm_product"``: over the product of the layers' spectral norms, as
            in the bound of Bartlett et al. but for the term of (2, 1) norms.

    Returns:
        The margin; no value where there are no classes.

    Cost:
        One forward pass, and the spectral norms where they are asked for.

    Invariances:
        Everything that leaves the function as it is; normalised, not the rescaling of neurons.

    References:
        Bartlett, Foster, Telgarsky 2017, "Spectrally-normalized margin bounds for neural networks"; Jiang et al. 2020,
        "Fantastic generalization measures and where to find them", section 6 (the 10th percentile).
    """
    found = _margins(minimum)
    if isinstance(found, str):
        return Measurement(value=None, reason=found, caveat=_BLIND_SPOT)
    margins, largest = found
    value, error = float(torch.quantile(margins, quantile)), rounding(minimum, largest)
    reason, passes = "exact up to rounding: one forward pass", 1
    if normalized == "spectral_norm_product":
        norms = spectral_norms_of(minimum, seed)
        if isinstance(norms, str):
            return Measurement(value=None, reason=norms, caveat=_BLIND_SPOT)
        error = (error + abs(value) * norms.relative_error) / norms.product
        value, reason = value / norms.product, f"{reason}, over the product of spectral norms"
    return Measurement(
        value=value,
        error=error,
        error_kind="rounding",
        forward_passes=passes,
        converged=True,
        reason=reason,
        caveat=_BLIND_SPOT,
    )


def _margins(minimum: Minimum) -> tuple[Tensor, float] | str:
    """Return the margin of each example, float64, and the largest logit; or why there are none."""
    problem = minimum.problem
    problem.require_criterion()
    parameters, margins, largest = problem.unflatten(minimum.theta), [], 0.0
    with torch.no_grad():
        for batch, _ in problem.batches():
            f, y = problem.batch_outputs(parameters, batch).double(), batch[1]
            if f.ndim != 2 or f.shape[1] < 2 or y.is_floating_point() or y.ndim != 1:
                return "there are no classes: a margin needs outputs (examples, classes) and integer labels"
            own = f.gather(1, y[:, None])[:, 0]
            others = f.scatter(1, y[:, None], float("-inf")).amax(1)
            margins.append((own - others).cpu())
            largest = max(largest, float(f.abs().max()))
    return torch.cat(margins), largest


measures.register("margin", "baseline: 10th percentile of the logits' margin")(
    Measure(
        margin,
        "margin (10th percentile)",
        r"\gamma_{10}",
        _BLIND_SPOT,
        "margin",
        0,
        sign=0,
        why_not="is a baseline, not a sharpness",
        invariances=frozenset({"layer_rescaling", "neuron_rescaling", "batch_norm_scaling", "neuron_permutation"}),
    )
)
