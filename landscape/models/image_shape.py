"""What a convolutional network asks of its inputs."""

from landscape.errors import UsageError


def image_shape(model: str, input_shape: tuple[int, ...], smallest: int) -> tuple[int, int, int]:
    """Return channels, height and width of one input.

    Raises:
        UsageError: If inputs are no images, or smaller than ``smallest`` pixels a side.
    """
    if len(input_shape) != 3:
        raise UsageError(
            f"Model {model!r} needs images of shape (channels, height, width), and one input has shape "
            f"{tuple(input_shape)}. Use --model mlp."
        )
    channels, height, width = input_shape
    if min(height, width) < smallest:
        raise UsageError(
            f"Model {model!r} needs images of at least {smallest}x{smallest} pixels, and these have {height}x{width}. "
            f"Use --model cnn or mlp."
        )
    return channels, height, width
