"""What is put in place of a module's own parameters and buffers for one forward pass."""

from collections.abc import Mapping

import torch
from torch import Tensor, nn


def exchanged(
    model: nn.Module,
    parameters: Mapping[str, Tensor],
    dtype: torch.dtype,
    device: torch.device,
    *,
    copied: bool = False,
    gathered: Mapping[str, Tensor] | None = None,
) -> dict[str, Tensor]:
    """Return a tensor for every name: the given parameters, the model's other ones detached, and copies of buffers.

    Buffers are copied because BatchNorm writes into them, and a model may. Frozen parameters are copied only if asked
    for: a model with a moving average among them writes into those too. ``gathered`` has those that are sharded.
    """

    def cast(tensor: Tensor, copy: bool = False) -> Tensor:
        kind = dtype if tensor.is_floating_point() else tensor.dtype
        # a model that lies elsewhere is copied to a GPU without waiting for what it is doing
        return tensor.detach().to(device, kind, copy=copy, non_blocking=device.type == "cuda")

    own = {**dict(model.named_parameters()), **(gathered or {})}
    frozen = {name: cast(each, copied) for name, each in own.items() if name not in parameters}
    buffers = {name: cast(each, copy=True) for name, each in model.named_buffers()}
    return {**frozen, **buffers, **parameters}
