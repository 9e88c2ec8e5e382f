"""What the graph behind a network's outputs says: which operations are in it, and how each parameter is used."""

from collections.abc import Iterator, Sequence
from typing import Any

from torch import Tensor

# backward nodes of operations that are linear in each argument alone
_LINEAR = frozenset(
    (
        "Accumulate", "Addmm", "Mm", "Linear", "Convolution", "NativeBatchNorm", "CudnnBatchNorm", "MiopenBatchNorm",
        "Add", "Sub", "Rsub", "Neg", "Mul", "Div", "T", "Transpose", "Permute", "View", "UnsafeView", "ReshapeAlias",
        "Clone", "Alias", "Cat", "Stack", "Slice", "Select", "Squeeze", "Unsqueeze", "Expand", "Repeat", "Sum", "Mean",
        "AvgPool2D", "AvgPool3D", "AdaptiveAvgPool2D", "AdaptiveAvgPool3D", "MkldnnAdaptiveAvgPool2D", "AsStrided",
        "ToCopy", "ConstantPadNd", "ReflectionPad1D", "ReflectionPad2D", "ReplicationPad2D", "Split", "SplitWithSizes",
        "Unbind", "Embedding", "UpsampleNearest2D", "UpsampleBilinear2D", "PixelShuffle", "Flip", "Roll", "Unfold",
        "Im2Col", "Col2Im", "Copy", "CopySlices", "Identity", "Movedim",
    )
)  # fmt: skip
_PIECEWISE = frozenset(
    (
        "Relu", "LeakyRelu", "Hardtanh", "Threshold", "Clamp", "ClampMin", "ClampMax", "Abs", "Maximum", "Minimum",
        "Amax", "Amin", "Max", "Min", "MaxPool2DWithIndices", "MaxPool3DWithIndices", "AdaptiveMaxPool2D",
        "AdaptiveMaxPool3D", "Softshrink", "Hardshrink",
    )
)  # fmt: skip
_BILINEAR = frozenset(("Addmm", "Mm", "Linear", "Convolution", "NativeBatchNorm", "Mul", "Div", "Embedding"))
_RESHAPING = frozenset(("T", "Transpose", "Permute", "View", "UnsafeView", "ReshapeAlias", "Alias", "Clone", "Expand"))


def why_not_by_graph(outputs: Tensor, leaves: Sequence[Tensor], recorded: set[int]) -> str:
    """Return why the graph is not that of a piecewise-linear network of layers, or "".

    Args:
        outputs: What the network gave.
        leaves: Its parameters.
        recorded: The indices of those that a layer was seen to use.
    """
    index = {id(each): number for number, each in enumerate(leaves)}
    consumers = dict.fromkeys(range(len(leaves)), 0)
    for node in _nodes(outputs.grad_fn):
        name = _name(node)
        if name not in _LINEAR and name not in _PIECEWISE:
            return f"{name} is not piecewise linear, or not known to be"
        inputs = [each for each, _ in node.next_functions if each is not None]
        for each in inputs:
            if _name(each) == "Accumulate":
                number = index.get(id(each.variable), -1)
                if number >= 0:
                    consumers[number] += 1
        # a product of two things that both depend on parameters further down is not linear in those
        if name in _BILINEAR and sum(not _is_parameter(each) for each in inputs) > 1:
            return f"{name} multiplies two activations"
    for number, count in consumers.items():
        if count > 1 or (count == 1 and number not in recorded):
            return f"parameter {number + 1} is used {'more than once' if count > 1 else 'outside of a known layer'}"
    return ""


def has_kinks(result: Tensor) -> bool:
    """Return whether a function with a kink (ReLU, max-pooling, clamping) is in the graph behind a tensor."""
    return any(_name(node) in _PIECEWISE or _name(node) == "PreluKernel" for node in _nodes(result.grad_fn))


def _nodes(start: Any) -> Iterator[Any]:
    seen, stack = set(), [start] if start is not None else []
    while stack:
        node = stack.pop()
        if node in seen:
            continue
        seen.add(node)
        yield node
        stack.extend(each for each, _ in node.next_functions if each is not None)


def _name(node: Any) -> str:
    """Return the operation's name without ``Backward0`` behind it."""
    name: str = type(node).__name__
    if name == "AccumulateGrad":
        return "Accumulate"
    head, found, tail = name.partition("Backward")
    return head if found and (not tail or tail.isdigit()) else name


def _is_parameter(node: Any) -> bool:
    """Return whether a node is a parameter, or one in another shape."""
    while _name(node) in _RESHAPING and len(node.next_functions) == 1 and node.next_functions[0][0] is not None:
        node = node.next_functions[0][0]
    return _name(node) == "Accumulate"
