"""Which layers a forward pass goes through, with what is needed for the gradients of single examples."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor
from torch.autograd.graph import GradientEdge, get_gradient_edge
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode

from landscape.diagonal import layer_gradients
from landscape.diagonal.layer_gradients import ExampleGradients

_LAYERS: dict[Any, Callable[..., list[tuple[Tensor | None, ExampleGradients]] | None]] = {
    torch._C._nn.linear: layer_gradients.linear,
    F.linear: layer_gradients.linear,
    torch.conv1d: layer_gradients.convolution,
    torch.conv2d: layer_gradients.convolution,
    torch.conv3d: layer_gradients.convolution,
    F.batch_norm: layer_gradients.batch_norm,
    F.layer_norm: layer_gradients.layer_norm,
    F.group_norm: layer_gradients.group_norm,
    F.embedding: layer_gradients.embedding,
}

_LINEAR = frozenset(
    [
        "add",
        "add_",
        "__add__",
        "__iadd__",
        "__radd__",
        "sub",
        "sub_",
        "__sub__",
        "__isub__",
        "__rsub__",
        "neg",
        "__neg__",
        "sum",
        "mean",
        "flatten",
        "view",
        "view_as",
        "reshape",
        "permute",
        "transpose",
        "transpose_",
        "t",
        "__getitem__",
        "cat",
        "concat",
        "stack",
        "squeeze",
        "unsqueeze",
        "chunk",
        "split",
        "narrow",
        "select",
        "contiguous",
        "expand",
        "expand_as",
        "repeat",
        "pad",
        "unflatten",
        "to",
        "float",
        "double",
        "clone",
        "detach",
        "identity",
        "roll",
        "flip",
        "movedim",
        "swapaxes",
        "avg_pool1d",
        "avg_pool2d",
        "avg_pool3d",
        "adaptive_avg_pool1d",
        "adaptive_avg_pool2d",
        "adaptive_avg_pool3d",
        "_adaptive_avg_pool2d",
        "upsample",
        "interpolate",
        "pixel_shuffle",
        "unfold",
        "fold",
        "alpha_dropout",
        "dropout",
        "dropout1d",
        "dropout2d",
        "dropout3d",
        "conv_transpose1d",
        "conv_transpose2d",
        "conv_transpose3d",
        "linear",
        "conv1d",
        "conv2d",
        "conv3d",
        "batch_norm",
        "embedding",
    ]
)
_PIECEWISE = frozenset(
    [
        "relu",
        "relu_",
        "relu6",
        "leaky_relu",
        "leaky_relu_",
        "hardtanh",
        "hardtanh_",
        "threshold",
        "threshold_",
        "rrelu",
        "clamp",
        "clamp_",
        "clamp_min",
        "clamp_max",
        "abs",
        "__abs__",
        "max_pool1d",
        "max_pool2d",
        "max_pool3d",
        "max_pool2d_with_indices",
        "adaptive_max_pool1d",
        "adaptive_max_pool2d",
        "adaptive_max_pool3d",
        "maximum",
        "minimum",
        "amax",
        "amin",
        "hardshrink",
        "softshrink",
    ]
)
_BY_CONSTANTS = frozenset(
    ["mul", "mul_", "__mul__", "__imul__", "__rmul__", "div", "div_", "__truediv__", "__itruediv__", "true_divide"]
)
_NO_VALUES = frozenset(
    [
        "__get__",
        "size",
        "dim",
        "numel",
        "is_floating_point",
        "shape",
        "__len__",
        "ndimension",
        "stride",
        "device",
    ]
)
_VIEWS = frozenset(("flatten", "view", "reshape"))


@dataclass(frozen=True)
class Use:
    """One use of a parameter: where the gradient at the layer's output is found, and what it makes of it."""

    parameter: int
    edge: GradientEdge
    gradients: ExampleGradients
    input: Tensor
    version: int


@dataclass
class LayerRecord:
    """What a forward pass did.

    Attributes:
        uses: Every use of a parameter by a layer that is known.
        unknown: Parameters (by index) that something else took, with its name.
        curved: Names of functions that are not piecewise linear, in order.
        mixes_examples: Whether BatchNorm took the statistics of the batch.
        examples: How many examples went through.
    """

    uses: list[Use] = field(default_factory=list)
    unknown: dict[int, str] = field(default_factory=dict)
    curved: list[str] = field(default_factory=list)
    mixes_examples: bool = False
    examples: int = 0

    def why_not_by_layers(self, names: Sequence[str]) -> str:
        """Return why gradients of single examples cannot be had layer by layer, or ""."""
        if self.mixes_examples:
            return "BatchNorm takes the statistics of the batch, so that examples have no gradients of their own"
        if self.unknown:
            index, function = next(iter(self.unknown.items()))
            return f"{names[index]} is used by {function}, whose gradients by example are not known here"
        other = next((use.parameter for use in self.uses if use.input.shape[0] != self.examples), None)
        if other is not None:
            return f"the input of the layer of {names[other]} has not one row an example"
        used = [use.parameter for use in self.uses]
        twice = next((index for index in used if used.count(index) > 1), None)
        return "" if twice is None else f"{names[twice]} is used more than once"


class RecordLayers(TorchFunctionMode):
    """While entered, records the layers that a model goes through.

    Args:
        leaves: The parameters, as they are handed to the model.
    """

    def __init__(self, leaves: Sequence[Tensor]) -> None:
        super().__init__()
        self.record = LayerRecord()
        self._index = {id(each): index for index, each in enumerate(leaves)}
        self._views: list[Tensor] = []

    def __torch_function__(
        self, func: Callable[..., Any], types: Sequence[type], args: Any = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        """Compute one call and record it."""
        kwargs = dict(kwargs or {})
        name = getattr(func, "__name__", str(func))
        if name in _NO_VALUES:
            result = func(*args, **kwargs)
            if isinstance(result, Tensor) and args and id(args[0]) in self._index:
                # .T and its like: a parameter in another shape, of which what is made is not followed
                self.record.unknown.setdefault(self._index[id(args[0])], "a transpose")
            return result
        tensors = list(_tensors((args, kwargs)))
        made = _LAYERS[func](*args, **kwargs) if func in _LAYERS else None
        self.record.mixes_examples |= func is F.batch_norm and made is None
        result = func(*args, **kwargs)
        if name in _VIEWS and args and id(args[0]) in self._index:
            # a parameter in another shape is still that parameter; it is kept alive so that its id stays its own
            self._index[id(result)] = self._index[id(args[0])]
            self._views.append(result)
            return result
        layers = [(self._index[id(each)], how) for each, how in made or [] if id(each) in self._index]
        for index, how in layers:
            self.record.uses.append(Use(index, get_gradient_edge(result), how, tensors[0], tensors[0]._version))
        known = {index for index, _ in layers}
        for each in tensors:
            index = self._index.get(id(each), -1)
            if index >= 0 and index not in known:
                self.record.unknown.setdefault(index, name)
        if not _is_piecewise_linear(func, name, args, kwargs, tensors, known_layer=made is not None):
            self.record.curved.append(name)
        return result


def _is_piecewise_linear(
    func: Any, name: str, args: Any, kwargs: Mapping[str, Any], tensors: list[Tensor], *, known_layer: bool
) -> bool:
    varying = [each for each in tensors if each.requires_grad]
    if not varying:
        return True
    if func in (F.layer_norm, F.group_norm):
        return False
    if func is F.batch_norm:
        return known_layer
    if name in _LINEAR or name in _PIECEWISE:
        return True
    return name in _BY_CONSTANTS and len(varying) == 1 and varying[0] is next(iter(_tensors(args)), None)


def _tensors(value: Any) -> Iterator[Tensor]:
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, Mapping):
        for each in value.values():
            yield from _tensors(each)
    elif isinstance(value, tuple | list):
        for each in value:
            yield from _tensors(each)
