"""Every classification network of torchvision, with fresh weights."""

from collections.abc import Callable
from typing import Any

from torch import nn

from landscape.data.torchvision_import import import_torchvision
from landscape.errors import UsageError, suggest
from landscape.models.fresh_weights import refuse_weights
from landscape.registry import models


@models.register("torchvision:NAME", "any classification network of torchvision, such as torchvision:resnet50")
def torchvision_model(name: str) -> Callable[..., nn.Module]:
    """Return a function that makes torchvision's network ``name``, untrained.

    Its options are those of torchvision's own function. Where the images have other than three channels, the
    first convolution is made again for that many.

    Raises:
        UsageError: If torchvision has no such network.
    """
    zoo = import_torchvision().models
    known = zoo.list_models(module=zoo)
    if name not in known:
        raise UsageError(f"torchvision has no classification model {name!r}.{suggest(name, known)}")

    def make(input_shape: tuple[int, ...], num_outputs: int, **options: Any) -> nn.Module:
        """Return the network."""
        refuse_weights(f"torchvision:{name}", options)
        chosen = _defaults(name, input_shape) | options
        model: nn.Module = zoo.get_model(name, weights=None, num_classes=num_outputs, **chosen)
        if len(input_shape) == 3 and input_shape[0] != 3:
            _take_channels(model, input_shape[0])
        return model

    return make


def _defaults(name: str, input_shape: tuple[int, ...]) -> dict[str, Any]:
    """Return options without which a network could not be trained like the others."""
    if name in ("googlenet", "inception_v3"):
        # Else training mode returns three outputs, and torchvision warns that the initialisation will change.
        return {"aux_logits": False, "init_weights": True}
    return {"image_size": input_shape[-1]} if name.startswith("vit_") else {}


def _take_channels(model: nn.Module, channels: int) -> None:
    name, first = next((n, m) for n, m in model.named_modules() if isinstance(m, nn.Conv2d))
    replacement = nn.Conv2d(
        channels,
        first.out_channels,
        first.kernel_size,  # type: ignore[arg-type]
        stride=first.stride,  # type: ignore[arg-type]
        padding=first.padding,  # type: ignore[arg-type]
        bias=first.bias is not None,
    )
    model.set_submodule(name, replacement)
