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
    right = right_on_device(outputs, targets)
    return None if right is None else float(right)


def right_on_device(outputs: Any, targets: Any) -> Tensor | None:
    """Return the same as a tensor of one number: nothing waits for the device."""
    if not isinstance(outputs, Tensor) or not isinstance(targets, Tensor):
        return None
    if targets.is_floating_point() or targets.ndim != 1 or outputs.ndim != 2:
        return None
    return (outputs.argmax(1) == targets).double().mean()
