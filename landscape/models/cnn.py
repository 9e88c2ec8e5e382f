"""Small convolutional network, made to be measured quickly."""

from torch import nn

from landscape.errors import UsageError
from landscape.models.activation import Activation, activation_module
from landscape.models.image_shape import image_shape
from landscape.models.resnet import Norm
from landscape.options import Size
from landscape.registry import models


@models.register("cnn", "small convolutional network; channels=16,32 activation=relu|tanh|gelu norm=none|batch")
def cnn(
    input_shape: tuple[int, ...],
    num_outputs: int,
    *,
    channels: tuple[Size, ...] = (16, 32),
    activation: Activation = "relu",
    norm: Norm = "none",
) -> nn.Module:
    """Return convolutions of 4x4 pixels that halve the image each, then a linear layer.

    PyTorch's default initialisation. On 8x8 digits the default has 9,786 parameters.

    Args:
        input_shape: Channels, height and width of one image.
        num_outputs: Number of outputs.
        channels: Channels after each convolution, at least one.
        activation: After each convolution.
        norm: ``batch`` for a BatchNorm between each convolution, which then has no bias, and its activation.

    Raises:
        UsageError: If there are no channels, or images are too small to be halved that often.
    """
    if not channels:
        raise UsageError("Model 'cnn' needs at least one convolution. Give --model-option channels=16,32.")
    before, height, width = image_shape("cnn", input_shape, 2 ** len(channels))
    layers: list[nn.Module] = []
    for after in channels:
        layers.append(nn.Conv2d(before, after, kernel_size=4, stride=2, padding=1, bias=norm == "none"))
        layers += [nn.BatchNorm2d(after)] if norm == "batch" else []
        layers.append(activation_module(activation))
        before, height, width = after, height // 2, width // 2
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(before * height * width, num_outputs))
