"""The path norm."""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode

from landscape.batches import spread_rows
from landscape.measures.exact import exact
from landscape.measures.layer_calls import CONVOLUTIONS, LINEAR
from landscape.measures.measurement import Measure, Measurement
from landscape.minimum import Minimum
from landscape.registry import measures
from landscape.symmetries import NotUnderstoodError, find_neurons
from landscape.symmetries.functions import ADDING, MULTIPLYING

_BLIND_SPOT = "The weights along paths, whether or not an example takes them: it sees no data and no loss."
_SUPPORTED = "Defined here: linear, convolutional and BatchNorm layers with ReLU, pooling and sums of branches."


def path_norm(minimum: Minimum, *, seed: int = 0) -> Measurement:
    r"""Return the path norm $\bigl(\sum_{\text{paths}} \prod_{i \in \text{path}} \theta_i^2\bigr)^{1/2}$.

    Over all paths from an input or a bias to an output: the root of the sum of outputs for an input of ones, with
    every weight squared. BatchNorm in evaluation mode is folded into the layer before it; the weights 1/k of a mean
    over k places are squared too; max-pooling takes the largest.

    Args:
        minimum: What to measure.
        seed: Nothing here is random.

    Returns:
        The norm; its square is that of Jiang et al. No value where it is not defined: activations that are not
        positively homogeneous (tanh), LayerNorm, attention.

    Cost:
        One forward pass of one example.

    Invariances:
        Rescaling of layers, of neurons and of weights before a BatchNorm.

    References:
        Neyshabur, Tomioka, Srebro 2015, "Norm-based capacity control in neural networks", section 4; Jiang et al. 2020,
        "Fantastic generalization measures and where to find them", appendix C.
    """
    try:
        squared = _forward(minimum)
    except NotUnderstoodError as error:
        return Measurement(value=None, reason=f"there is no path norm: {error}", caveat=_BLIND_SPOT)
    return exact(minimum, math.sqrt(squared), "exact up to rounding: one forward pass", _BLIND_SPOT, forward_passes=1)


def _forward(minimum: Minimum) -> float:
    """Return the sum of outputs for ones with every weight squared.

    Raises:
        NotUnderstoodError: If that has no meaning here.
    """
    fixed = find_neurons(minimum.problem, minimum.theta).fixed
    if fixed:
        raise NotUnderstoodError(f"{fixed[0]} is not positively homogeneous. {_SUPPORTED}")
    x, y = spread_rows(next(minimum.problem.batches())[0], 1)
    problem = minimum.problem.with_data([(torch.ones_like(x), y)], dtype=torch.float64)
    batch = next(problem.batches())[0]
    with torch.no_grad(), _SquaredWeights():
        outputs = problem.batch_outputs(problem.unflatten(minimum.theta.double()), batch)
    return float(outputs.sum())


class _SquaredWeights(TorchFunctionMode):
    """While entered, layers act with the squares of their weights."""

    def __init__(self) -> None:
        super().__init__()
        # by layer's output: itself, what it is without the bias, and the bias
        self._made: dict[int, tuple[Tensor, Tensor, Tensor | float]] = {}

    def __torch_function__(
        self, func: Callable[..., Any], types: Sequence[type], args: Any = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        kwargs = dict(kwargs or {})
        name = getattr(func, "__name__", str(func))
        if func in LINEAR or func in CONVOLUTIONS:
            return self._layer(func, *args, **kwargs)
        if func is F.batch_norm:
            return self._normalize(*args, **kwargs)
        if func in (F.layer_norm, F.group_norm, F.embedding):
            raise NotUnderstoodError(f"{name} has no weights along paths. {_SUPPORTED}")
        result = func(*args, **kwargs)
        if name == "mean" or "avg_pool" in name:
            return result / _places(name, args[0], result, args, kwargs)
        if name in MULTIPLYING or name in ADDING:
            return _again(name, args, result)
        return result.abs() if name in ("neg", "__neg__") else result

    def _layer(self, func: Any, x: Tensor, weight: Tensor, bias: Tensor | None = None, *rest: Any, **more: Any) -> Any:
        without = func(x, weight.square(), None, *rest, **more)
        shape = (-1,) if func in LINEAR else (-1, *[1] * (weight.ndim - 2))
        result = without if bias is None else without + bias.square().view(shape)
        self._made[id(result)] = (result, without, 0.0 if bias is None else bias)
        return result

    def _normalize(
        self,
        x: Tensor,
        mean: Tensor,
        variance: Tensor,
        weight: Tensor | None = None,
        bias: Tensor | None = None,
        training: bool = False,
        momentum: float = 0.1,
        eps: float = 1e-5,
    ) -> Tensor:
        _, without, before = self._made.get(id(x), (x, x, 0.0))
        scale = (variance + eps).rsqrt() * (1.0 if weight is None else weight)
        shift = (before - mean) * scale + (0.0 if bias is None else bias)
        shape = (-1, *[1] * (x.ndim - 2))
        result: Tensor = without * scale.square().view(shape) + shift.square().view(shape)
        return result


def _places(name: str, x: Tensor, result: Tensor, args: Any, kwargs: dict[str, Any]) -> int:
    """Return over how many places a mean goes."""
    if name == "mean" or "adaptive" in name:
        count = x.numel() / result.numel()
        whole = all(a % b == 0 for a, b in zip(x.shape, result.shape, strict=name != "mean"))
        if name == "mean" or whole:
            return int(count)
        raise NotUnderstoodError(f"{name} over windows of different sizes is not known here. {_SUPPORTED}")
    padding = kwargs.get("padding", args[3] if len(args) > 3 else 0)
    if any(padding if isinstance(padding, tuple | list) else (padding,)):
        raise NotUnderstoodError(f"{name} with padding is not known here. {_SUPPORTED}")
    size = kwargs.get("kernel_size", args[1] if len(args) > 1 else 1)
    return math.prod(size) if isinstance(size, tuple | list) else int(size) ** (x.ndim - 2)


def _again(name: str, args: Any, result: Tensor) -> Tensor:
    """Return a product with a number done twice, as its square; a sum of two things as it is, a difference as a sum."""
    if name in MULTIPLYING:
        number = next(each for each in args if not isinstance(each, Tensor) or each.numel() == 1)
        again: Tensor = result / number if "div" in name else result * number
        return again
    if not all(isinstance(each, Tensor) for each in args[:2]):
        raise NotUnderstoodError(f"{name} of a constant is not known here. {_SUPPORTED}")
    if "sub" in name:
        raise NotUnderstoodError(f"{name} of branches is not known here. {_SUPPORTED}")
    return result


measures.register("path_norm", "baseline: path norm, the root of the sum over paths of squared weights")(
    Measure(
        path_norm,
        "path norm",
        r"\|\theta\|_{\mathrm{path}}",
        _BLIND_SPOT,
        "path norm",
        0,
        sign=0,
        why_not="is a baseline, not a sharpness",
        invariances=frozenset({"layer_rescaling", "neuron_rescaling", "batch_norm_scaling", "neuron_permutation"}),
    )
)
