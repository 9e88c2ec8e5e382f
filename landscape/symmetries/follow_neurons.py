"""Following the neurons of a network through its forward pass."""

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode

from landscape.symmetries import functions
from landscape.symmetries.elements import clips_at_zero, is_number, reduced
from landscape.symmetries.labels import EMPTY, Labels, by_channel, spread
from landscape.symmetries.neurons import SUPPORTED, NotUnderstoodError
from landscape.symmetries.notes import Notes
from landscape.symmetries.refusals import unknown

_LINEAR = frozenset((torch._C._nn.linear, F.linear))
_CONVOLUTIONS = frozenset((torch.conv1d, torch.conv2d, torch.conv3d))


class FollowNeurons(TorchFunctionMode):
    """While entered, labels every activation by its neurons and notes how parameters scale.

    Args:
        leaves: The parameters, as they are handed to the model.
        names: Their names, for messages.
    """

    def __init__(self, leaves: Sequence[Tensor], names: Sequence[str]) -> None:
        super().__init__()
        self.notes = Notes(names)
        self._index = {id(each): index for index, each in enumerate(leaves)}
        # activations are kept alive, so that their ids stay their own
        self._labels: dict[int, tuple[Tensor, Labels]] = {}
        self._batch_norm = ""

    @contextlib.contextmanager
    def batch_norms(self, model: nn.Module) -> Iterator[None]:
        """Know which BatchNorm module is at work while entered."""
        handles = []
        for name, module in model.named_modules():
            if isinstance(module, nn.modules.batchnorm._BatchNorm):
                handles.append(module.register_forward_pre_hook(lambda *_, name=name: self._enter(name)))
                handles.append(module.register_forward_hook(lambda *_: self._enter("")))
        try:
            yield
        finally:
            for handle in handles:
                handle.remove()

    def labels_of(self, tensor: Any) -> Labels | None:
        """Return the labels of an activation; None for what carries no neurons (data, constants)."""
        found = self._labels.get(id(tensor))
        return None if found is None else found[1]

    def __torch_function__(
        self, func: Callable[..., Any], types: Sequence[type], args: Any = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        """Compute one call and follow the neurons through it."""
        kwargs = dict(kwargs or {})
        name = getattr(func, "__name__", str(func))
        tensors = list(_tensors((args, kwargs)))
        labelled = [each for each in tensors if id(each) in self._labels]
        parameters = [self._index[id(each)] for each in tensors if id(each) in self._index]
        before = self.labels_of(args[0]) if args else None
        if name not in functions.NO_VALUES:
            for each in labelled:
                self.notes.consumed[id(each)] = self.notes.consumed.get(id(each), 0) + 1
        result = func(*args, **kwargs)
        if name in functions.NO_VALUES or not (labelled or parameters):
            return result
        self._follow(func, name, args, kwargs, result, before, parameters)
        return result

    def _follow(
        self,
        func: Any,
        name: str,
        args: Any,
        kwargs: dict[str, Any],
        result: Any,
        before: Labels | None,
        parameters: list[int],
    ) -> None:
        layer = self._layer(func)
        if layer is not None:
            made = layer(result, *args, **kwargs)
            if made is not None:
                self._keep(result, made)
            return
        if parameters:
            raise NotUnderstoodError(self.notes.misused(parameters[0], name))
        if name in functions.JOINING or name in functions.ADDING or name in functions.MULTIPLYING:
            self._combine(func, name, args, kwargs, result)
            return
        if before is None:
            raise NotUnderstoodError(unknown(name))
        if name in functions.MOVING or name == "pad":
            self._move(func, name, args, kwargs, result, before)
        else:
            self._keep(result, self._unary(name, args, kwargs, result, before))

    def _layer(self, func: Any) -> Callable[..., Labels | None] | None:
        if func in _LINEAR:
            return self._linear
        if func in _CONVOLUTIONS:
            return self._convolution
        others: dict[Any, Callable[..., Labels | None]] = {
            F.batch_norm: self._normalize,
            F.layer_norm: self._layer_norm,
            F.embedding: self._embed,
        }
        return others.get(func)

    def _linear(self, result: Tensor, x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Labels:
        inputs = self._channels(x, x.ndim - 1, "a linear layer")
        return self._weighted(result, result.ndim - 1, weight, bias, inputs, "linear")

    def _convolution(
        self,
        result: Tensor,
        x: Tensor,
        weight: Tensor,
        bias: Tensor | None = None,
        stride: Any = 1,
        padding: Any = 0,
        dilation: Any = 1,
        groups: int = 1,
    ) -> Labels:
        axis = x.ndim - weight.ndim + 1
        return self._weighted(result, axis, weight, bias, self._channels(x, axis, "a convolution"), "conv", groups)

    def _weighted(
        self,
        result: Tensor,
        axis: int,
        weight: Tensor,
        bias: Tensor | None,
        inputs: tuple[np.ndarray, np.ndarray],
        name: str,
        groups: int = 1,
    ) -> Labels:
        at, at_bias = (self._index.get(id(each), -1) for each in (weight, bias))
        if at < 0 or (bias is not None and at_bias < 0):
            # a frozen layer scales with nothing
            self.notes.fix(*inputs)
            return self.notes.constant(result)
        made = self.notes.weighted(weight, at, None if bias is None else at_bias, inputs, groups, name)
        self.notes.produced[id(result)] = (at, None if bias is None else at_bias)
        return Labels(spread(made[0], result, axis), spread(made[1], result, axis))

    def _normalize(
        self,
        result: Tensor,
        x: Tensor,
        running_mean: Tensor | None,
        running_var: Tensor | None,
        weight: Tensor | None = None,
        bias: Tensor | None = None,
        training: bool = False,
        *_: Any,
        **__: Any,
    ) -> Labels:
        if training or running_mean is None or running_var is None:
            raise NotUnderstoodError(f"BatchNorm takes the statistics of each batch. {SUPPORTED}")
        scales, neurons = self._channels(x, 1, "BatchNorm")
        if self.labels_of(x) is not None and self._batch_norm and self.notes.consumed.get(id(x)) == 1:
            self.notes.found_normalized(id(x), self._batch_norm)
        out = self.notes.affine(self._own(weight), self._own(bias), scales, neurons, self._batch_norm)
        return Labels(spread(out, result, 1), spread(neurons, result, 1))

    def _layer_norm(
        self,
        result: Tensor,
        x: Tensor,
        shape: Any,
        weight: Tensor | None = None,
        bias: Tensor | None = None,
        eps: float = 1e-5,
    ) -> Labels:
        if len(tuple(shape)) != 1:
            raise NotUnderstoodError(f"LayerNorm over several dimensions is not known here. {SUPPORTED}")
        scales, neurons = self._channels(x, x.ndim - 1, "LayerNorm")
        out = self.notes.affine(self._own(weight), self._own(bias), scales, neurons, "")
        return Labels(spread(out, result, result.ndim - 1), spread(neurons, result, result.ndim - 1))

    def _embed(self, result: Tensor, tokens: Tensor, weight: Tensor, *_: Any, **__: Any) -> Labels:
        at = self._index.get(id(weight), -1)
        scales, neurons = self.notes.embedded(weight, at) if at >= 0 else (np.zeros(weight.shape[1], int),) * 2
        return Labels(spread(scales, result, result.ndim - 1), spread(neurons, result, result.ndim - 1))

    def _own(self, tensor: Tensor | None) -> int | None:
        """Return the index of a trainable parameter; -1 for what is frozen; None where there is nothing."""
        return None if tensor is None else self._index.get(id(tensor), -1)

    def _channels(self, x: Tensor, axis: int, what: str) -> tuple[np.ndarray, np.ndarray]:
        labels = self.labels_of(x)
        if labels is None:
            return np.zeros(x.shape[axis], int), np.zeros(x.shape[axis], int)
        return by_channel(labels.scale, axis, what), by_channel(labels.neuron, axis, what)

    def _unary(self, name: str, args: Any, kwargs: dict[str, Any], result: Any, before: Labels) -> Labels:
        if not isinstance(result, Tensor):
            raise NotUnderstoodError(unknown(name))
        if name in functions.HOMOGENEOUS or clips_at_zero(name, args, kwargs):
            return before
        if name in functions.ELEMENTWISE:
            self.notes.fix(before.scale.numpy())
            self.notes.fixed.append(name)
            return Labels(torch.zeros_like(before.scale), before.neuron.clamp(min=0))
        if name in functions.POOLING or name == "interpolate":
            scales, neurons = (by_channel(each, 1, name) for each in (before.scale, before.neuron))
            return Labels(spread(scales, result, 1), spread(neurons, result, 1))
        if name in functions.REDUCING:
            return before.moved(lambda each: reduced(each, args[1:], kwargs, name))
        raise NotUnderstoodError(unknown(name))

    def _move(self, func: Any, name: str, args: Any, kwargs: dict[str, Any], result: Any, before: Labels) -> None:
        rest = args[1:]
        if name == "pad":
            mode, value = kwargs.get("mode", (*rest, "constant")[1]), kwargs.get("value", (*rest, "constant", None)[2])
            if mode != "constant" or value:
                raise NotUnderstoodError(f"padding with {value if value else mode} is not known here. {SUPPORTED}")
            moved = before.moved(lambda each: F.pad(each, kwargs.get("pad", (*rest, ())[0]), value=EMPTY))
        else:
            scale, neuron = (func(each, *rest, **kwargs) for each in (before.scale, before.neuron))
            if not isinstance(result, Tensor):
                for part, *labels in zip(result, scale, neuron, strict=True):
                    self._keep(part, Labels(*labels))
                return
            moved = Labels(scale, neuron)
        self._keep(result, moved)

    def _combine(self, func: Any, name: str, args: Any, kwargs: dict[str, Any], result: Tensor) -> None:
        if name in functions.JOINING:
            parts = [self.labels_of(each) or self.notes.constant(each) for each in args[0]]
            scale, neuron = (
                func([getattr(each, key) for each in parts], *args[1:], **kwargs) for key in ("scale", "neuron")
            )
            self._keep(result, Labels(scale, neuron))
            return
        # in place, the first argument is the result: its labels are those from before
        known = [(each, self.labels_of(each)) for each in args[:2]]
        (first, *others) = [labels for _, labels in known if labels is not None]
        if name in functions.MULTIPLYING:
            if others or not is_number(args[1] if known[0][1] is not None else args[0]) or known[0][1] is None:
                raise NotUnderstoodError(unknown(f"{name} of two activations" if others else name))
            self._keep(result, first)
        elif others:
            self._keep(result, self.notes.added(first, others[0], result))
        else:
            self._add_constant(first, args[1] if known[0][1] is not None else args[0], result)

    def _add_constant(self, labels: Labels, constant: Any, result: Tensor) -> None:
        labels = labels.moved(lambda each: each.expand(result.shape))
        if not is_number(constant):
            self.notes.fix(np.zeros(0, int), labels.neuron.numpy())
        self.notes.fix(labels.scale.numpy())
        self._keep(result, Labels(torch.zeros_like(labels.scale), labels.neuron.clamp(min=0)))

    def _keep(self, tensor: Tensor, labels: Labels) -> None:
        self._labels[id(tensor)] = (tensor, labels)

    def _enter(self, name: str) -> None:
        self._batch_norm = name


def _tensors(value: Any) -> Iterator[Tensor]:
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, Mapping):
        for each in value.values():
            yield from _tensors(each)
    elif isinstance(value, tuple | list):
        for each in value:
            yield from _tensors(each)
