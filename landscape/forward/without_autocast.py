"""Autocast that a forward pass turns on itself, left out: curvature needs more digits than it keeps."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch.overrides import TorchFunctionMode


class WithoutAutocast(TorchFunctionMode):
    """While entered, every function of torch runs as if autocast were off, whoever turned it on.

    Args:
        device: Its type, such as ``"cuda"``.

    Attributes:
        seen: Whether autocast was on in some call.
    """

    def __init__(self, device: str) -> None:
        super().__init__()
        self.device = device
        self.seen = False

    def __torch_function__(
        self, func: Callable[..., Any], types: Sequence[type], args: Any = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        """Compute one call."""
        if not torch.is_autocast_enabled(self.device):
            return func(*args, **(kwargs or {}))
        self.seen = True
        with torch.autocast(self.device, enabled=False):
            return func(*args, **(kwargs or {}))
