"""How many decisions of a classifier are right."""

from dataclasses import dataclass
from typing import Any

from torch import Tensor


@dataclass(frozen=True)
class Evaluation:
    """Mean loss and share of right decisions over all examples (``accuracy`` is None without classes)."""

    loss: float
    accuracy: float | None


def share_right(outputs: Any, targets: Any) -> float | None:
    """Return the share of examples whose largest output is that of their class; None where there are no classes."""
    if not isinstance(outputs, Tensor) or not isinstance(targets, Tensor):
        return None
    if targets.is_floating_point() or targets.ndim != 1 or outputs.ndim != 2:
        return None
    return float((outputs.argmax(1) == targets).double().mean())
