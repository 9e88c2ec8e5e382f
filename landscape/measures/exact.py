"""Numbers that are exact but for rounding."""

from collections.abc import Mapping
from typing import Any

import torch

from landscape.measures.measurement import Measurement
from landscape.minimum import Minimum

UNITS = 32
"""Units in the last place that a pass through a network loses, measured on the networks of this package."""


def rounding(minimum: Minimum, magnitude: float) -> float:
    """Return what a sum of numbers that come out of the network may lose.

    Args:
        minimum: Where; its precision counts.
        magnitude: Of the sum, with the signs left out.
    """
    return UNITS * float(torch.finfo(minimum.problem.dtype).eps) * abs(magnitude)


def exact(
    minimum: Minimum,
    value: float,
    reason: str,
    caveat: str,
    *,
    magnitude: float | None = None,
    details: Mapping[str, Any] | None = None,
    matvecs: int = 0,
    passes: int = 0,
    forward_passes: int = 0,
) -> Measurement:
    """Return a measurement whose error is rounding.

    Args:
        minimum: Where it was taken.
        value: The number.
        reason: How it was had.
        caveat: What it does not tell.
        magnitude: Of its terms, where they cancel.
        details: More numbers by name.
        matvecs: Products that it cost.
        passes: Backward passes that it cost.
        forward_passes: Forward passes that it cost.
    """
    return Measurement(
        value=value,
        error=rounding(minimum, value if magnitude is None else magnitude),
        error_kind="rounding",
        converged=True,
        reason=reason,
        caveat=caveat,
        details=details or {},
        matvecs=matvecs,
        passes=passes,
        forward_passes=forward_passes,
    )
