"""From the gradient at a layer's output to the gradients of single examples by its parameters."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

Squares = tuple[Tensor, Tensor]
"""Squared gradients of single examples: summed over examples, and summed over the parameter ``(n,)``."""

ExampleGradients = Callable[[Tensor], Squares]
"""Gradients at a layer's output, of columns c and examples n: ``(c, n, ...)``, to the squares summed over columns."""

Layer = list[tuple[Tensor | None, ExampleGradients]]


def linear(input: Tensor, weight: Tensor, bias: Tensor | None = None) -> Layer:
    """Return how a linear layer's parameters get the gradients of single examples; tokens are summed over."""
    x = input.detach()

    def by_weight(g: Tensor) -> Squares:
        if x.ndim == 2:
            # a gradient of rank one: its square is the product of the squares
            g2, x2 = g.square().sum(0), x.square()
            return g2.T @ x2, g2.sum(1) * x2.sum(1)
        return _squares(torch.einsum("cnto,nti->cnoi", g.flatten(2, -2), x.flatten(1, -2)))

    def by_bias(g: Tensor) -> Squares:
        return _squares(g if g.ndim == 3 else g.flatten(2, -2).sum(2))

    return [(weight, by_weight), (bias, by_bias)]


def convolution(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
) -> Layer | None:
    """Return how a convolution's parameters get the gradients of single examples."""
    if input.ndim != weight.ndim:
        return None
    x, dimensions = input.detach(), weight.ndim - 2
    columns: list[Tensor] = []

    def by_weight(g: Tensor) -> Squares:
        if not columns:
            columns.append(_patches(x, weight, stride, padding, dilation))
        count, examples = g.shape[:2]
        rows = g.reshape(count, examples, groups, weight.shape[0] // groups, -1)
        # all columns of one example in one matrix product: (group, c * out, places) by (group, places, in * size)
        rows = rows.permute(1, 2, 0, 3, 4).flatten(2, 3)
        patches = columns[0].view(examples, groups, -1, rows.shape[-1])
        found = (rows @ patches.transpose(2, 3)).square_()
        by_place = found.sum(0).view(groups, count, -1, patches.shape[2]).sum(1)
        return by_place.reshape(weight.shape), found.flatten(1).sum(1)

    def by_bias(g: Tensor) -> Squares:
        return _squares(g.flatten(3).sum(3))

    return [(weight, by_weight), (bias, by_bias)] if dimensions in (1, 2, 3) else None


def _patches(x: Tensor, weight: Tensor, stride: Any, padding: Any, dilation: Any) -> Tensor:
    """Return the input under each place of the kernel, shape ``(n, channels * size, places)``."""
    sizes = weight.shape[2:]
    stride, dilation = (_each(value, len(sizes)) for value in (stride, dilation))
    reach = [d * (size - 1) for d, size in zip(dilation, sizes, strict=True)]
    if isinstance(padding, str):
        before = [each // 2 if padding == "same" else 0 for each in reach]
        after = [each - half if padding == "same" else 0 for each, half in zip(reach, before, strict=True)]
    else:
        before = after = list(_each(padding, len(sizes)))
    x = F.pad(x, [each for pair in zip(reversed(before), reversed(after), strict=True) for each in pair])
    for axis, (size, step, apart) in enumerate(zip(sizes, stride, dilation, strict=True)):
        x = x.unfold(2 + axis, apart * (size - 1) + 1, step)[..., ::apart]
    places = x.shape[2 : 2 + len(sizes)].numel()
    order = [0, 1, *range(2 + len(sizes), 2 + 2 * len(sizes)), *range(2, 2 + len(sizes))]
    return x.permute(order).reshape(len(x), -1, places)


def _squares(gradients: Tensor) -> Squares:
    """Return the squares of gradients of shape ``(c, n, ...)``."""
    squared = gradients.square()
    return squared.sum((0, 1)), squared.transpose(0, 1).flatten(1).sum(1)


def _each(value: Any, dimensions: int) -> tuple[int, ...]:
    parts = (value,) if isinstance(value, int) else tuple(value)
    return parts * dimensions if len(parts) == 1 else parts


def batch_norm(
    input: Tensor,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Layer | None:
    """Return how BatchNorm's scale and shift get them in evaluation mode; with batch statistics examples are mixed."""
    if training or running_mean is None or running_var is None:
        return None
    shape = (1, -1, *[1] * (input.ndim - 2))
    x = (input.detach() - running_mean.view(shape)) * (running_var + eps).rsqrt().view(shape)

    def by_weight(g: Tensor) -> Squares:
        return _squares(_sum_places(g * x))

    return [(weight, by_weight), (bias, lambda g: _squares(_sum_places(g)))]


def _sum_places(g: Tensor) -> Tensor:
    return g if g.ndim == 3 else g.flatten(3).sum(3)


def layer_norm(
    input: Tensor,
    normalized_shape: Any,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
) -> Layer | None:
    """Return how LayerNorm's scale and shift get them."""
    inner = len(tuple(normalized_shape))
    x = F.layer_norm(input.detach(), normalized_shape, eps=eps)

    def summed(g: Tensor) -> Squares:
        between = tuple(range(2, g.ndim - inner))
        return _squares(g.sum(between) if between else g)

    return [(weight, lambda g: summed(g * x)), (bias, summed)] if input.ndim > inner else None


def group_norm(
    input: Tensor, num_groups: int, weight: Tensor | None = None, bias: Tensor | None = None, eps: float = 1e-5
) -> Layer:
    """Return how GroupNorm's scale and shift get them."""
    x = F.group_norm(input.detach(), num_groups, eps=eps)

    def by_weight(g: Tensor) -> Squares:
        return _squares(_sum_places(g * x))

    return [(weight, by_weight), (bias, lambda g: _squares(_sum_places(g)))]


def embedding(
    input: Tensor,
    weight: Tensor,
    padding_idx: int | None = None,
    max_norm: float | None = None,
    norm_type: float = 2.0,
    scale_grad_by_freq: bool = False,
    sparse: bool = False,
) -> Layer | None:
    """Return how an embedding gets them: tokens of one kind in one example are summed before squaring."""
    if max_norm is not None or scale_grad_by_freq or sparse:
        return None
    input = input[:, None] if input.ndim == 1 else input
    tokens = input.detach().flatten(1)
    width = weight.shape[1]

    def by_weight(g: Tensor) -> Squares:
        columns, examples = g.shape[:2]
        place = tokens[None, :, :, None].expand(columns, -1, -1, width)
        summed = g.new_zeros(columns, examples, weight.shape[0], width).scatter_add_(
            2, place, g.view(*g.shape[:2], -1, width)
        )
        if padding_idx is not None:
            summed[:, :, padding_idx] = 0
        return _squares(summed)

    return [(weight, by_weight)]
