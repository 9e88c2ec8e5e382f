"""ReLU and max-pooling as what they are near a point: linear maps, whose derivative has no derivative of its own.

PyTorch fills a tensor of zeros for the second derivative of a ReLU by its input, and adds it: a sixth of a product on
a small convolutional network.
"""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor


class Relu(torch.autograd.Function):
    """max(x, 0), in place where that is asked for."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, inplace: bool) -> Tensor:
        """Return the positive part of x."""
        if inplace:
            ctx.mark_dirty(x)
        y = x.relu_() if inplace else x.relu()
        ctx.save_for_backward(y)
        return y

    @staticmethod
    def backward(ctx: Any, *cotangents: Any) -> tuple[Tensor | None, ...]:
        """Return the cotangent where x is positive."""
        (y,) = ctx.saved_tensors
        return _Masked.apply(cotangents[0], y.detach()), None  # type: ignore[no-untyped-call]


class _Masked(torch.autograd.Function):
    """g where y is positive, zero elsewhere: its own adjoint."""

    @staticmethod
    def forward(ctx: Any, g: Tensor, y: Tensor) -> Tensor:
        """Return the masked g."""
        ctx.save_for_backward(y)
        result: Tensor = torch.ops.aten.threshold_backward(g, y, 0)
        return result

    @staticmethod
    def backward(ctx: Any, *cotangents: Any) -> tuple[Tensor | None, ...]:
        """Return the masked cotangent."""
        (y,) = ctx.saved_tensors
        return _Masked.apply(cotangents[0], y), None  # type: ignore[no-untyped-call]


@dataclass(frozen=True)
class Pooling:
    """A max-pooling of images: its numbers, how sizes are rounded, and whether a ReLU is in it."""

    window: list[int]
    stride: list[int]
    padding: list[int]
    dilation: list[int]
    ceil_mode: bool
    rectify: bool

    @property
    def numbers(self) -> tuple[list[int], list[int], list[int], list[int], bool]:
        """What torch's kernels take."""
        return self.window, self.stride, self.padding, self.dilation, self.ceil_mode

    def masked(self, u: Tensor, y: Tensor) -> Tensor:
        """Return u, zero where the ReLU is flat."""
        result: Tensor = torch.ops.aten.threshold_backward(u, y, 0) if self.rectify else u
        return result


class MaxPool(torch.autograd.Function):
    """Max-pooling, of the ReLU of its input where that is asked for: the largest of what is rectified, rectified.

    Where the largest elements lie is held, not what they lie in; and a ReLU of the pooled is a quarter of the work.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, pooling: Pooling) -> Tensor:
        """Return the largest element of each window of x, shape ``(N, C, H, W)``."""
        y, where = torch.ops.aten.max_pool2d_with_indices(x, *pooling.numbers)
        y = y.relu() if pooling.rectify else y
        ctx.save_for_backward(where.int(), y if pooling.rectify else y.new_empty(0))
        ctx.pooling, ctx.size, ctx.format = pooling, x.shape, _format_of(x)
        result: Tensor = y
        return result

    @staticmethod
    def backward(ctx: Any, *cotangents: Any) -> tuple[Tensor | None, ...]:
        """Return the cotangent put where the largest elements lie."""
        where, y = ctx.saved_tensors
        frozen = (where, y.detach(), ctx.pooling, ctx.size, ctx.format)
        return _Placed.apply(cotangents[0], *frozen), None  # type: ignore[no-untyped-call]


class _Placed(torch.autograd.Function):
    """The adjoint of picking elements: the elements of g added up where they were picked."""

    @staticmethod
    def forward(
        ctx: Any, g: Tensor, where: Tensor, y: Tensor, pooling: Pooling, size: torch.Size, layout: torch.memory_format
    ) -> Tensor:
        """Return a tensor of the size of the pooling's input."""
        ctx.save_for_backward(where, y)
        ctx.pooling, ctx.layout = pooling, layout
        # the kernel looks at the shape and the strides of its input, never at its elements
        shape = torch.empty(size, dtype=g.dtype, device=g.device, memory_format=layout)
        result: Tensor = torch.ops.aten.max_pool2d_with_indices_backward(
            pooling.masked(g, y), shape, *pooling.numbers, where.long()
        )
        return result

    @staticmethod
    def backward(ctx: Any, *cotangents: Any) -> tuple[Tensor | None, ...]:
        """Return the picked elements of the cotangent."""
        where, y = ctx.saved_tensors
        (c,) = cotangents
        if ctx.layout == torch.channels_last:
            there = where.permute(0, 2, 3, 1)
            rows = c.permute(0, 2, 3, 1).flatten(1, 2)
            picked = rows.gather(1, there.flatten(1, 2).long()).view(there.shape).permute(0, 3, 1, 2)
        else:
            picked = c.flatten(2).gather(2, where.flatten(2).long()).view(where.shape)
        return ctx.pooling.masked(picked, y), None, None, None, None, None


def _format_of(x: Tensor) -> torch.memory_format:
    plain = x.is_contiguous() or not x.is_contiguous(memory_format=torch.channels_last)
    return torch.contiguous_format if plain else torch.channels_last
