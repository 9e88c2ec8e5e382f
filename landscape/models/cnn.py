"""Small convolutional network, made to be measured quickly."""

import torch
from torch import nn
from torch.nn import functional as F

from landscape.errors import UsageError
from landscape.models.activation import Activation, activation_module
from landscape.models.image_shape import image_shape
from landscape.options import Size
from landscape.registry import models


class FirstConv2d(nn.Conv2d):
    """A convolution of the images themselves, as one matrix product with their windows.

    The same function and parameters as ``nn.Conv2d``. But the double backward of ``nn.Conv2d`` always computes
    the part for its input, which for images nobody wants: on 8x8 images this makes a Hessian-vector product of
    the whole network a third faster on a CPU.
    """

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the convolution of the images ``(N, C, H, W)``."""
        (kernel, _), (stride, _), padding = self.kernel_size, self.stride, self.padding[0]
        padded = F.pad(x, (int(padding),) * 4)
        windows = padded.unfold(2, kernel, stride).unfold(3, kernel, stride)
        count, _, height, width = windows.shape[:4]
        rows = windows.permute(0, 2, 3, 1, 4, 5).reshape(count * height * width, -1)
        outputs = F.linear(rows, self.weight.flatten(1), self.bias)
        return outputs.view(count, height, width, -1).permute(0, 3, 1, 2)


@models.register("cnn", "small convolutional network; channels=16,32 activation=relu|tanh|gelu")
def cnn(
    input_shape: tuple[int, ...],
    num_outputs: int,
    *,
    channels: tuple[Size, ...] = (16, 32),
    activation: Activation = "relu",
) -> nn.Module:
    """Return convolutions of 4x4 pixels that halve the image each, then a linear layer.

    PyTorch's default initialisation. On 8x8 digits the default has 9,786 parameters.

    Args:
        input_shape: Channels, height and width of one image.
        num_outputs: Number of outputs.
        channels: Channels after each convolution, at least one.
        activation: After each convolution.

    Raises:
        UsageError: If there are no channels, or images are too small to be halved that often.
    """
    if not channels:
        raise UsageError("Model 'cnn' needs at least one convolution. Give --model-option channels=16,32.")
    before, height, width = image_shape("cnn", input_shape, 2 ** len(channels))
    layers: list[nn.Module] = []
    for index, after in enumerate(channels):
        convolution = FirstConv2d if index == 0 else nn.Conv2d
        layers += [convolution(before, after, kernel_size=4, stride=2, padding=1), activation_module(activation)]
        before, height, width = after, height // 2, width // 2
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(before * height * width, num_outputs))
