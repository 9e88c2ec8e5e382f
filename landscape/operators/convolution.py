"""Convolution whose gradient is cheap to differentiate again."""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor


@dataclass(frozen=True)
class Geometry:
    """Stride, padding and dilation (one number a dimension) and groups of a convolution."""

    stride: tuple[int, ...]
    padding: tuple[int, ...]
    dilation: tuple[int, ...]
    groups: int

    def convolve(self, x: Tensor, W: Tensor, b: Tensor | None = None) -> Tensor:
        """Return the convolution of x with W."""
        result: Tensor = torch.ops.aten.convolution(
            x, W, b, self.stride, self.padding, self.dilation, False, [0] * len(self.stride), self.groups
        )
        return result

    def gradients(self, g: Tensor, x: Tensor, W: Tensor, mask: list[bool]) -> list[Tensor]:
        """Return the gradients of <g, convolve(x, W, b)> by x, W and b, as far as ``mask`` asks for them."""
        result: list[Tensor] = torch.ops.aten.convolution_backward(
            g, x, W, [W.shape[0]], self.stride, self.padding, self.dilation, False,
            [0] * len(self.stride), self.groups, mask,
        )  # fmt: skip
        return result


class Convolution(torch.autograd.Function):
    r"""A convolution whose backward pass is `_Gradients`: six convolutions a product on its held graph.

    PyTorch's own double backward finds the derivative by the weights through a convolution that swaps batch and
    channels, which is slow for many examples; here both derivatives of the adjoint come from one call of the
    ordinary backward kernel, since $\langle u, \partial_x \rangle$ is linear in every argument.

    While a graph is made (grad mode on) the gradient by the weights is not computed: only its dependence on
    everything else is needed, never its value. A product from scratch so costs 8 convolutions, not 9.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, W: Tensor, b: Tensor | None, geometry: Geometry, linear: bool) -> Tensor:
        """Return the convolution.

        ``linear`` promises that the gradient is differentiated by the cotangent only, never by x or W.
        """
        ctx.save_for_backward(x, W)
        ctx.geometry, ctx.linear = geometry, linear
        return geometry.convolve(x, W, b)

    @staticmethod
    def backward(ctx: Any, *cotangents: Any) -> tuple[Tensor | None, ...]:
        """Return the gradients by x, W and b."""
        x, W = ctx.saved_tensors
        if ctx.linear:
            x, W = x.detach(), W.detach()
        by_x, by_W, by_b = ctx.needs_input_grad[:3]
        # while a graph is made (grad mode on) nobody looks at the values of the gradients by the weights
        computed = [by_x, False, False] if torch.is_grad_enabled() else [by_x, by_W, by_b]
        gx, gW, gb = _Gradients.apply(cotangents[0], x, W, ctx.geometry, computed)  # type: ignore[no-untyped-call]
        return (gx if by_x else None), (gW if by_W else None), (gb if by_b else None), None, None


class _Gradients(torch.autograd.Function):
    """The gradients of a convolution as a function of its cotangent g, its input x and its weights W."""

    @staticmethod
    def forward(
        ctx: Any, g: Tensor, x: Tensor, W: Tensor, geometry: Geometry, computed: list[bool]
    ) -> tuple[Tensor, ...]:
        """Return the gradients by x, W and the bias; zeros stand where a value is not to be computed."""
        ctx.save_for_backward(g, x, W)
        ctx.geometry = geometry
        ctx.set_materialize_grads(False)
        found = geometry.gradients(g, x, W, computed) if any(computed) else [None] * 3
        zero, shapes = g.new_zeros(()), (x.shape, W.shape, W.shape[:1])
        return tuple(zero.expand(shape) if each is None else each for each, shape in zip(found, shapes, strict=True))

    @staticmethod
    def backward(ctx: Any, *cotangents: Any) -> tuple[Tensor | None, ...]:
        """Return the gradients of <ux, gx> + <uW, gW> + <ub, gb> by g, x and W."""
        ux, uW, ub = cotangents
        g, x, W = ctx.saved_tensors
        geometry: Geometry = ctx.geometry
        by_g, by_x, by_W = ctx.needs_input_grad[:3]
        cg = cx = cW = None
        if by_g:
            terms = [] if uW is None else [geometry.convolve(x, uW, ub)]
            terms += [] if ux is None else [geometry.convolve(ux, W)]
            if uW is None and ub is not None:
                terms.append(ub.view(1, -1, *[1] * (g.ndim - 2)).expand_as(g))
            cg = sum(terms[1:], terms[0]) if terms else None
        by_x, by_W = by_x and uW is not None, by_W and ux is not None
        if by_x or by_W:
            # <ux, gradient by x> = <g, convolve(ux, W)> and <uW, gradient by W> = <g, convolve(x, uW)>
            cx, cW, _ = geometry.gradients(g, ux if by_W else x, uW if by_x else W, [by_x, by_W, False])
        return cg, cx, cW, None, None
