"""Layers that are linear in their input and in their weights, with a gradient that is cheap to differentiate again."""

from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor


class Kernel(Protocol):
    """A map $y = B(x, W) + b$, linear in W and affine in x, and the kernels that compute it and its gradients."""

    def apply(self, x: Tensor, W: Tensor, b: Tensor | None) -> Tensor:
        """Return $B(x, W) + b$."""

    def linear(self, u: Tensor, W: Tensor) -> Tensor:
        r"""Return $\partial_x B(x, W)\, u$, which is linear in both."""

    def gradients(self, g: Tensor, x: Tensor, W: Tensor, wanted: list[bool]) -> list[Tensor | None]:
        r"""Return the gradients of $\langle g, B(x, W) + b \rangle$ by x, W and b, as far as wanted."""

    def linear_gradients(self, g: Tensor, u: Tensor, W: Tensor, wanted: list[bool]) -> list[Tensor | None]:
        r"""Return the gradients of $\langle g, \partial_x B(x, W)\, u \rangle$ by u and W, as far as wanted."""


@dataclass(frozen=True)
class ConvolutionKernel:
    """Stride, padding and dilation (one number a dimension) and groups of a convolution."""

    stride: tuple[int, ...]
    padding: tuple[int, ...]
    dilation: tuple[int, ...]
    groups: int

    def apply(self, x: Tensor, W: Tensor, b: Tensor | None) -> Tensor:
        """Return the convolution of x with W, plus b."""
        result: Tensor = torch.ops.aten.convolution(
            x, W, b, self.stride, self.padding, self.dilation, False, [0] * len(self.stride), self.groups
        )
        return result

    def linear(self, u: Tensor, W: Tensor) -> Tensor:
        """Return the convolution of u with W."""
        return self.apply(u, W, None)

    def gradients(self, g: Tensor, x: Tensor, W: Tensor, wanted: list[bool]) -> list[Tensor | None]:
        """Return the gradients of <g, apply(x, W, b)> by x, W and b."""
        if x.ndim == 4 and x.shape[1] == 1 and not wanted[0] and x.device.type == "cpu":
            # one channel laid out as the last: oneDNN finds the gradient by the weights in half the time
            x = x.contiguous()[:, 0].unsqueeze(-1).movedim(-1, 1)
        result: list[Tensor | None] = torch.ops.aten.convolution_backward(
            g, x, W, [W.shape[0]], self.stride, self.padding, self.dilation, False,
            [0] * len(self.stride), self.groups, wanted,
        )  # fmt: skip
        return result

    def linear_gradients(self, g: Tensor, u: Tensor, W: Tensor, wanted: list[bool]) -> list[Tensor | None]:
        """Return the gradients of <g, linear(u, W)> by u and W."""
        return self.gradients(g, u, W, [*wanted, False])


@dataclass(frozen=True)
class NormalizationKernel:
    """BatchNorm by running statistics: one affine map a channel."""

    mean: Tensor
    variance: Tensor
    eps: float

    def apply(self, x: Tensor, W: Tensor, b: Tensor | None) -> Tensor:
        """Return (x - mean) / root(variance + eps) * W + b."""
        return self._forward(x, W, b, self.mean)

    def linear(self, u: Tensor, W: Tensor) -> Tensor:
        """Return u / root(variance + eps) * W."""
        return self._forward(u, W, None, torch.zeros_like(self.mean))

    def gradients(self, g: Tensor, x: Tensor, W: Tensor, wanted: list[bool]) -> list[Tensor | None]:
        """Return the gradients of <g, apply(x, W, b)> by x, W and b."""
        return self._backward(g, x, W, self.mean, wanted)

    def linear_gradients(self, g: Tensor, u: Tensor, W: Tensor, wanted: list[bool]) -> list[Tensor | None]:
        """Return the gradients of <g, linear(u, W)> by u and W."""
        return self._backward(g, u, W, torch.zeros_like(self.mean), [*wanted, False])

    def _forward(self, x: Tensor, W: Tensor, b: Tensor | None, mean: Tensor) -> Tensor:
        # the kernel reads weights without their strides: columns of a block would be misread
        W, b = W.contiguous(), None if b is None else b.contiguous()
        result: Tensor = torch.ops.aten.native_batch_norm(x, W, b, mean, self.variance, False, 0.0, self.eps)[0]
        return result

    def _backward(self, g: Tensor, x: Tensor, W: Tensor, mean: Tensor, wanted: list[bool]) -> list[Tensor | None]:
        # on a GPU empty statistics of a batch stand for the running ones; left out they are refused
        none = mean.new_empty(0)
        found = torch.ops.aten.native_batch_norm_backward(
            g, x, W.contiguous(), mean, self.variance, none, none, False, self.eps, wanted
        )
        return [each if asked else None for each, asked in zip(found, wanted, strict=True)]


class BilinearLayer(torch.autograd.Function):
    r"""A layer whose backward pass is `_Gradients`; for a convolution six convolutions a product on its held graph.

    PyTorch's own double backward of a convolution finds the derivative by the weights through one that swaps batch
    and channels, which is slow for many examples, and that of BatchNorm is a dozen passes over the activations. Here
    the derivatives of the adjoint come from one call of the ordinary backward kernel, since
    $\langle g, B(x, W) \rangle$ is linear in every argument.

    While a graph is made (grad mode on) the gradients by the weights are not computed: only their dependence on
    everything else is needed, never their values. A product from scratch so costs 8 convolutions, not 9.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, W: Tensor, b: Tensor | None, kernel: Kernel, linear: bool) -> Tensor:
        """Return the layer's output.

        ``linear`` promises that the gradient is differentiated by the cotangent only, never by x or W.
        """
        ctx.save_for_backward(x, W)
        ctx.kernel, ctx.linear = kernel, linear
        return kernel.apply(x, W, b)

    @staticmethod
    def backward(ctx: Any, *cotangents: Any) -> tuple[Tensor | None, ...]:
        """Return the gradients by x, W and b."""
        x, W = ctx.saved_tensors
        if ctx.linear:
            x, W = x.detach(), W.detach()
        by_x, by_W, by_b = ctx.needs_input_grad[:3]
        # while a graph is made (grad mode on) nobody looks at the values of the gradients by the weights
        computed = [by_x, False, False] if torch.is_grad_enabled() else [by_x, by_W, by_b]
        gx, gW, gb = _Gradients.apply(cotangents[0], x, W, ctx.kernel, computed)  # type: ignore[no-untyped-call]
        return (gx if by_x else None), (gW if by_W else None), (gb if by_b else None), None, None


class _Gradients(torch.autograd.Function):
    """The gradients of a layer as a function of its cotangent g, its input x and its weights W."""

    @staticmethod
    def forward(ctx: Any, g: Tensor, x: Tensor, W: Tensor, kernel: Kernel, computed: list[bool]) -> tuple[Tensor, ...]:
        """Return the gradients by x, W and the bias; zeros stand where a value is not to be computed."""
        # only the derivatives by x and W look at g, and those by W only where x has one: not in a first layer
        ctx.save_for_backward(g if ctx.needs_input_grad[1] else g.new_empty(0), x, W)
        ctx.kernel, ctx.size = kernel, g.shape
        ctx.set_materialize_grads(False)
        found = kernel.gradients(g, x, W, computed) if any(computed) else [None] * 3
        zero, shapes = g.new_zeros(()), (x.shape, W.shape, W.shape[:1])
        return tuple(zero.expand(shape) if each is None else each for each, shape in zip(found, shapes, strict=True))

    @staticmethod
    def backward(ctx: Any, *cotangents: Any) -> tuple[Tensor | None, ...]:
        """Return the gradients of <ux, gx> + <uW, gW> + <ub, gb> by g, x and W."""
        ux, uW, ub = cotangents
        g, x, W = ctx.saved_tensors
        kernel: Kernel = ctx.kernel
        by_g, by_x, by_W = ctx.needs_input_grad[:3]
        cg = cx = cW = None
        if by_g:
            terms = [] if uW is None else [kernel.apply(x, uW, ub)]
            terms += [] if ux is None else [kernel.linear(ux, W)]
            if uW is None and ub is not None:
                terms.append(ub.view(1, -1, *[1] * (len(ctx.size) - 2)).expand(ctx.size))
            cg = sum(terms[1:], terms[0]) if terms else None
        by_x, by_W = by_x and uW is not None, by_W and ux is not None
        if by_x or by_W:
            # <ux, gradient by x> = <g, linear(ux, W)>, and x enters <uW, gradient by W> as it enters linear(x, uW)
            u, weights = ux if by_W else x, uW if by_x else W
            cx, cW = kernel.linear_gradients(g, u, weights, [by_x, by_W])[:2]
        return cg, cx, cW, None, None
