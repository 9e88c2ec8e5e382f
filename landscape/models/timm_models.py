"""Every network of timm, with fresh weights."""

import importlib
from collections.abc import Callable
from typing import Any

from torch import nn

from landscape.data.torchvision_import import import_torchvision
from landscape.errors import UsageError, suggest
from landscape.models.fresh_weights import refuse_weights
from landscape.registry import models


@models.register("timm:NAME", "any network of timm (pip install timm), such as timm:resnet18")
def timm_model(name: str) -> Callable[..., nn.Module]:
    """Return a function that makes timm's network ``name``, untrained; its options are timm's own.

    Raises:
        UsageError: If timm is not installed, or has no such network.
    """
    import_torchvision()  # timm imports it, which fails beside a PyTorch for which it was not built
    try:
        timm: Any = importlib.import_module("timm")
    except ModuleNotFoundError as error:
        raise UsageError(f"timm:{name} needs timm, which is not installed. Type: pip install timm") from error
    known = timm.list_models()
    if name not in known:
        raise UsageError(f"timm has no model {name!r}.{suggest(name, known)}")

    def make(input_shape: tuple[int, ...], num_outputs: int, **options: Any) -> nn.Module:
        """Return the network."""
        refuse_weights(f"timm:{name}", options)
        model: nn.Module = timm.create_model(
            name, pretrained=False, num_classes=num_outputs, in_chans=input_shape[0], **options
        )
        return model

    return make
