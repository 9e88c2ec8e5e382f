"""VGG-11 for small images."""

import torch
from torch import nn

from landscape.models.image_shape import image_shape
from landscape.models.resnet import Norm, convolution
from landscape.options import Size
from landscape.registry import models

STAGES = ((1,), (2,), (4, 4), (8, 8), (8, 8))
"""Channels of the convolutions of each stage, as multiples of the width."""


class GlobalMean(nn.Module):
    """The mean over pixels."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return ``(N, C)`` of ``(N, C, H, W)``."""
        return x.mean(dim=(2, 3))


@models.register("vgg11", "VGG-11 with one linear layer for small images; norm=batch|none width=64")
def vgg11(input_shape: tuple[int, ...], num_outputs: int, *, norm: Norm = "batch", width: Size = 64) -> nn.Module:
    """Return the eight convolutions of VGG-11 in five stages with max-pooling, then one linear layer.

    He's normal initialisation. A size that is odd is rounded up on halving, so that 8x8 and 28x28 images work
    too; at 32x32 nothing is rounded.

    Args:
        input_shape: Channels, height and width of one image, at least 8x8.
        num_outputs: Number of outputs.
        norm: ``batch`` or ``none``.
        width: Channels of the first convolution; the last ones have eight times as many.

    References:
        Simonyan, Zisserman (2015), Very Deep Convolutional Networks for Large-Scale Image Recognition, table 1 A.
    """
    before, _, _ = image_shape("vgg11", input_shape, 8)
    layers: list[nn.Module] = []
    for stage in STAGES:
        for multiple in stage:
            layers += [*convolution(before, multiple * width, norm), nn.ReLU()]
            before = multiple * width
        layers.append(nn.MaxPool2d(2, ceil_mode=True))
    return nn.Sequential(*layers, GlobalMean(), nn.Linear(before, num_outputs))
