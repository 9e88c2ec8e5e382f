"""What calls on single numbers and over places do to labels."""

from typing import Any

from torch import Tensor

from landscape.symmetries.labels import EMPTY
from landscape.symmetries.neurons import SUPPORTED, NotUnderstoodError


def reduced(labels: Tensor, rest: Any, kwargs: dict[str, Any], name: str) -> Tensor:
    """Return labels after a mean or sum over places, which must be of one neuron each.

    Raises:
        NotUnderstoodError: If they are not.
    """
    dims = kwargs.get("dim", rest[0] if rest else None)
    keep = kwargs.get("keepdim", rest[1] if len(rest) > 1 else False)
    if dims is None:
        raise NotUnderstoodError(f"{name} over everything is not known here. {SUPPORTED}")
    largest = labels.amax(dims, keepdim=True)
    if bool(((labels != largest) & (labels != EMPTY)).any()):
        raise NotUnderstoodError(f"{name} over different neurons is not known here. {SUPPORTED}")
    return largest if keep else labels.amax(dims)


def clips_at_zero(name: str, args: Any, kwargs: dict[str, Any]) -> bool:
    """Return whether a call is ReLU by another name."""
    if name not in ("clamp", "clamp_", "clamp_min", "clamp_min_"):
        return False
    low = kwargs.get("min", args[1] if len(args) > 1 else None)
    return low == 0 and kwargs.get("max", args[2] if len(args) > 2 else None) is None


def is_number(value: Any) -> bool:
    """Return whether something is a single number."""
    return isinstance(value, int | float) or (isinstance(value, Tensor) and value.numel() == 1)
