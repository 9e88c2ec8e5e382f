"""The linear and convolutional layers that a forward pass goes through, with the BatchNorm right behind each."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode

from landscape.batches import spread_rows
from landscape.problem import Problem

LINEAR = frozenset((torch._C._nn.linear, F.linear))
CONVOLUTIONS = frozenset((torch.conv1d, torch.conv2d, torch.conv3d))


@dataclass(frozen=True)
class LayerCall:
    """One layer of a forward pass: what it does to its input but for its bias.

    Attributes:
        name: Of its weight.
        weight: Float64.
        scale: What a BatchNorm in evaluation mode multiplies each of its outputs by; ones where there is none.
        apply: The layer without bias and scale, inputs ``(n, *shape)`` to outputs; None for a linear layer.
        shape: Of one input.
    """

    name: str
    weight: Tensor
    scale: Tensor
    apply: Callable[[Tensor], Tensor] | None
    shape: tuple[int, ...]


def layer_calls(problem: Problem, theta: Tensor) -> tuple[LayerCall, ...]:
    """Return the layers of a problem's network in the order of its forward pass, on one example, in float64."""
    batch = spread_rows(next(problem.batches())[0], 1)
    small = problem.with_data([batch], dtype=torch.float64)
    batch = next(small.batches())[0]
    leaves = [each.detach().clone() for each in small.unflatten(theta.double())]
    recorder = _Recorder(dict(zip(map(id, leaves), problem.parameter_names, strict=True)))
    with torch.no_grad(), recorder:
        small.batch_outputs(leaves, batch)
    return tuple(recorder.calls)


class _Recorder(TorchFunctionMode):
    def __init__(self, names: Mapping[int, str]) -> None:
        super().__init__()
        self.calls: list[LayerCall] = []
        self._names = names
        self._made: dict[int, tuple[int, Tensor]] = {}

    def __torch_function__(
        self, func: Callable[..., Any], types: Sequence[type], args: Any = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        kwargs = dict(kwargs or {})
        result = func(*args, **kwargs)
        if func in LINEAR or func in CONVOLUTIONS:
            self._layer(func, result, *args, **kwargs)
        elif func is F.batch_norm:
            self._normalize(*args, **kwargs)
        return result

    def _layer(
        self, func: Any, result: Tensor, x: Tensor, weight: Tensor, bias: Any = None, *rest: Any, **more: Any
    ) -> None:
        scale = torch.ones(len(weight), dtype=weight.dtype, device=weight.device)
        apply = None if func in LINEAR else lambda v: func(v, weight, None, *rest, **more)
        name = self._names.get(id(weight), "a frozen layer")
        self._made[id(result)] = (len(self.calls), result)
        self.calls.append(LayerCall(name, weight, scale, apply, tuple(x.shape[1:])))

    def _normalize(
        self,
        x: Tensor,
        mean: Any,
        variance: Tensor,
        weight: Tensor | None = None,
        bias: Any = None,
        training: bool = False,
        momentum: float = 0.1,
        eps: float = 1e-5,
    ) -> None:
        scale = (variance + eps).rsqrt() * (1.0 if weight is None else weight)
        if id(x) in self._made:
            index, _ = self._made[id(x)]
            before = self.calls[index]
            self.calls[index] = LayerCall(before.name, before.weight, scale, before.apply, before.shape)
        else:
            name = self._names.get(id(weight), "a normalisation")
            self.calls.append(LayerCall(name, torch.diag(scale), torch.ones_like(scale), None, (len(scale),)))
