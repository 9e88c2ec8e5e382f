"""Residual networks for small images, with or without skip connections and normalisation."""

from collections.abc import Callable, Sequence
from typing import Literal

import torch
from torch import nn
from torch.nn import functional as F

from landscape.models.image_shape import image_shape
from landscape.options import Size
from landscape.registry import models

Norm = Literal["batch", "none"]


def convolution(before: int, after: int, norm: Norm, *, kernel: int = 3, stride: int = 1) -> nn.Sequential:
    """Return a convolution that keeps the size (over the stride), with He's normal initialisation, and its norm.

    Without a norm the convolution has a bias instead, zero at first.
    """
    layer = nn.Conv2d(before, after, kernel, stride=stride, padding=kernel // 2, bias=norm == "none")
    nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
    if layer.bias is None:
        return nn.Sequential(layer, nn.BatchNorm2d(after))
    nn.init.zeros_(layer.bias)
    return nn.Sequential(layer)


class Subsample(nn.Module):
    """The skip connection without parameters: every other pixel, and zeros for the new channels.

    References:
        He, Zhang, Ren, Sun (2016), Deep Residual Learning for Image Recognition, option A.
    """

    def __init__(self, new_channels: int) -> None:
        super().__init__()
        self.new_channels = new_channels

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return half as many pixels a side and ``new_channels`` more channels."""
        return F.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, self.new_channels // 2, (self.new_channels + 1) // 2))


class Block(nn.Module):
    """Two convolutions of 3x3, and around them a skip connection unless ``skip`` is None."""

    def __init__(self, before: int, after: int, stride: int, norm: Norm, skip: nn.Module | None) -> None:
        super().__init__()
        self.first = convolution(before, after, norm, stride=stride)
        self.second = convolution(after, after, norm)
        self.skip = skip

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return what goes into the next block."""
        out = self.second(F.relu(self.first(x)))
        return F.relu(out if self.skip is None else out + self.skip(x))


class ResNet(nn.Module):
    """A first convolution of 3x3, stages of blocks, the mean over pixels, and a linear layer."""

    def __init__(self, stem: nn.Module, blocks: Sequence[nn.Module], width: int, num_outputs: int) -> None:
        super().__init__()
        self.stem = stem
        self.blocks = nn.Sequential(*blocks)
        self.head = nn.Linear(width, num_outputs)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return outputs ``(N, outputs)`` of images ``(N, C, H, W)``."""
        features: torch.Tensor = self.blocks(F.relu(self.stem(x)))
        outputs: torch.Tensor = self.head(features.mean(dim=(2, 3)))
        return outputs


@models.register("resnet20", "ResNet-20 for small images; skip=true|false norm=batch|none width=16")
def resnet20(
    input_shape: tuple[int, ...], num_outputs: int, *, skip: bool = True, norm: Norm = "batch", width: Size = 16
) -> nn.Module:
    """Return the ResNet-20 of CIFAR: three stages of three blocks, skip connections without parameters.

    He's normal initialisation. With skip connections and no norm, each block's second convolution starts at zero
    and its first one is scaled by 1 / sqrt(number of blocks) (Fixup without its extra scalars): without that, the
    outputs would grow with depth and training diverge at usual learning rates. With neither, digits are learned
    at SGD learning rates (momentum 0.9) up to about 0.02 only.

    Args:
        input_shape: Channels, height and width of one image, at least 8x8.
        num_outputs: Number of outputs.
        skip: Whether there are skip connections.
        norm: ``batch`` or ``none``.
        width: Channels of the first stage; the others have two and four times as many.

    References:
        He, Zhang, Ren, Sun (2016), Deep Residual Learning for Image Recognition, section 4.2.
        Li, Xu, Taylor, Studer, Goldstein (2018), Visualizing the Loss Landscape of Neural Nets: without skip.
        Zhang, Dauphin, Ma (2019), Fixup Initialization.
    """

    def shortcut(before: int, after: int, stride: int) -> nn.Module:
        return Subsample(after - before) if stride == 2 else nn.Identity()

    channels, _, _ = image_shape("resnet20", input_shape, 8)
    stages = [(width, 3), (2 * width, 3), (4 * width, 3)]
    return _resnet(channels, stages, num_outputs, norm, shortcut if skip else None)


@models.register(
    "resnet18", "ResNet-18 with a 3x3 first layer for small images; skip=true|false norm=batch|none width=64"
)
def resnet18(
    input_shape: tuple[int, ...], num_outputs: int, *, skip: bool = True, norm: Norm = "batch", width: Size = 64
) -> nn.Module:
    """Return ResNet-18 adapted to 32x32: a 3x3 first convolution of stride 1 and no max-pooling.

    Skip connections that change the shape are convolutions of 1x1. Initialised like ``resnet20``.

    Args:
        input_shape: Channels, height and width of one image, at least 8x8.
        num_outputs: Number of outputs.
        skip: Whether there are skip connections.
        norm: ``batch`` or ``none``.
        width: Channels of the first stage; each further one has twice as many.

    References:
        He, Zhang, Ren, Sun (2016), Deep Residual Learning for Image Recognition, table 1.
    """

    def shortcut(before: int, after: int, stride: int) -> nn.Module:
        return convolution(before, after, norm, kernel=1, stride=stride) if stride == 2 else nn.Identity()

    channels, _, _ = image_shape("resnet18", input_shape, 8)
    stages = [(width * factor, 2) for factor in (1, 2, 4, 8)]
    return _resnet(channels, stages, num_outputs, norm, shortcut if skip else None)


def _resnet(
    channels: int,
    stages: list[tuple[int, int]],
    num_outputs: int,
    norm: Norm,
    shortcut: Callable[[int, int, int], nn.Module] | None,
) -> nn.Module:
    before = stages[0][0]
    stem = convolution(channels, before, norm)
    blocks = []
    for stage, (after, count) in enumerate(stages):
        for index in range(count):
            stride = 2 if stage > 0 and index == 0 else 1
            skip = None if shortcut is None else shortcut(before, after, stride)
            blocks.append(Block(before, after, stride, norm, skip))
            before = after
    if norm == "none" and shortcut is not None:
        _tame(blocks)
    return ResNet(stem, blocks, before, num_outputs)


def _tame(blocks: list[Block]) -> None:
    """Make every block add nothing at first, and little soon after."""
    for block in blocks:
        with torch.no_grad():
            block.first[0].get_parameter("weight").div_(len(blocks) ** 0.5)
            block.second[0].get_parameter("weight").zero_()
