"""Layers computed so that their second derivative is cheap, put in place of torch's while a model runs."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode

from landscape.operators.bilinear_layers import BilinearLayer, ConvolutionKernel, NormalizationKernel
from landscape.operators.frozen_layers import MaxPool, Pooling, Relu


class EfficientLayers(TorchFunctionMode):
    """While entered, layers of convolutional networks are computed by ways with a cheap double backward.

    These are convolutions, evaluation-mode BatchNorm, ReLU and max-pooling.

    The same functions up to rounding. Weight normalisation is always written out: torch's own has a second derivative
    that is wrong (by half, in 2.13). Everything else is left to torch.

    Args:
        convolutions: Replace all of them, for double backward; they have no forward-mode derivative then. Otherwise
            BatchNorm alone becomes a product and a sum.
        batch_norm: Replace BatchNorm.
        linear: The gradient will be differentiated by its cotangent only (Jacobian products).

    Attributes:
        replaced: How many calls were computed in the other way.
    """

    def __init__(self, *, convolutions: bool = True, batch_norm: bool = True, linear: bool = False) -> None:
        super().__init__()
        self.convolutions, self.batch_norm = convolutions, batch_norm
        self.linear = linear
        self.replaced = 0
        # the last ReLU's output and input: a pooling that follows takes the ReLU into itself
        self._rectified: tuple[Tensor, Tensor] | None = None

    def __torch_function__(
        self, func: Callable[..., Any], types: Sequence[type], args: Any = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        """Compute one call."""
        kwargs = kwargs or {}
        result = None
        if func in _DIMENSIONS and self.convolutions:
            result = _convolve(_DIMENSIONS[func], self.linear, *args, **kwargs)
        elif func is F.batch_norm and self.batch_norm:
            result = _normalize(self.convolutions, self.linear, *args, **kwargs)
        elif func in _RELU and self.convolutions:
            result = self._relu(*args, **kwargs)
        elif func in _MAX_POOL and self.convolutions:
            result = self._max_pool(*args, **kwargs)
        elif func is torch._weight_norm:
            result = _weight_norm(*args, **kwargs)
        if result is None:
            return func(*args, **kwargs)
        self.replaced += 1
        return result

    def __exit__(self, *reason: Any) -> None:
        """Leave, with no activation kept."""
        self._rectified = None
        super().__exit__(*reason)  # type: ignore[no-untyped-call]

    def _relu(self, input: Tensor, inplace: bool = False) -> Tensor | None:
        """Return the ReLU, or None where it is left to torch."""
        if not _differentiable(input) or (inplace and (input.is_leaf or input._is_view())):
            return None
        result: Tensor = Relu.apply(input, inplace)  # type: ignore[no-untyped-call]
        self._rectified = None if inplace else (result, input)
        return result

    def _max_pool(
        self,
        input: Tensor,
        kernel_size: Any,
        stride: Any = None,
        padding: Any = 0,
        dilation: Any = 1,
        ceil_mode: bool = False,
        return_indices: bool = False,
    ) -> Tensor | None:
        """Return the max-pooling, or None where it is left to torch."""
        if not _differentiable(input) or input.ndim != 4 or return_indices:
            return None
        window, padding, dilation = (list(_each(value, 2)) for value in (kernel_size, padding, dilation))
        rectified, source = self._rectified or (None, input)
        rectify = rectified is input
        pooling = Pooling(window, list(_each(stride, 2)) if stride else window, padding, dilation, ceil_mode, rectify)
        result: Tensor = MaxPool.apply(source if rectify else input, pooling)  # type: ignore[no-untyped-call]
        return result


def _differentiable(input: Tensor) -> bool:
    return torch.is_grad_enabled() and input.requires_grad and input.is_floating_point()


_DIMENSIONS = {torch.conv1d: 1, torch.conv2d: 2, torch.conv3d: 3}
_MAX_POOL = (F.max_pool2d, torch.max_pool2d)
_RELU = (F.relu, torch.relu, Tensor.relu)


def _convolve(
    dimensions: int,
    linear: bool,
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
) -> Tensor | None:
    """Return the convolution, or None where it is better left to torch."""
    if input.ndim != dimensions + 2 or not (torch.is_grad_enabled() and input.is_floating_point()):
        return None
    if not linear and _is_computed(weight, bias):
        return None
    dilation = _each(dilation, dimensions)
    if isinstance(padding, str):
        reach = [d * (size - 1) for d, size in zip(dilation, weight.shape[2:], strict=True)]
        if padding == "same" and any(each % 2 for each in reach):
            return None
        padding = tuple(each // 2 for each in reach) if padding == "same" else (0,) * dimensions
    kernel = ConvolutionKernel(_each(stride, dimensions), _each(padding, dimensions), dilation, groups)
    result: Tensor = BilinearLayer.apply(input, weight, bias, kernel, linear)  # type: ignore[no-untyped-call]
    return result


def _weight_norm(v: Tensor, g: Tensor, dim: int = 0) -> Tensor:
    return v * (g / torch.norm_except_dim(v, 2, dim))


def _is_computed(*parameters: Tensor | None) -> bool:
    """Return whether one is made of others: then the value of the gradient by it enters the second derivative."""
    return any(each is not None and each.grad_fn is not None for each in parameters)


def _each(value: Any, dimensions: int) -> tuple[int, ...]:
    parts = (value,) if isinstance(value, int) else tuple(value)
    return parts * dimensions if len(parts) == 1 else parts


def _normalize(
    double_backward: bool,
    linear: bool,
    input: Tensor,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Tensor | None:
    """Return BatchNorm by running statistics as one affine map a channel, or None where it is left to torch."""
    if training or running_mean is None or running_var is None or weight is None or bias is None:
        return None
    if double_backward:
        if not torch.is_grad_enabled() or (not linear and _is_computed(weight, bias)):
            return None
        kernel = NormalizationKernel(running_mean, running_var, eps)
        result: Tensor = BilinearLayer.apply(input, weight, bias, kernel, linear)  # type: ignore[no-untyped-call]
        return result
    scale = weight * (running_var + eps).rsqrt()
    shift = bias - running_mean * scale
    shape = (1, -1, *[1] * (input.ndim - 2))
    return torch.addcmul(shift.view(shape), input, scale.view(shape))
