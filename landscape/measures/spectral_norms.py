"""The spectral norm of every layer of a network."""

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from landscape.measures.layer_calls import LayerCall, layer_calls
from landscape.minimum import Minimum
from landscape.operators import Lambda
from landscape.solvers import lanczos
from landscape.symmetries import NotUnderstoodError, find_neurons

ConvolutionNorm = Literal["operator", "kernel"]


@dataclass(frozen=True)
class SpectralNorms:
    """The spectral norms of a network's layers.

    Attributes:
        norms: By the name of the weight.
        product: Of all of them.
        relative_error: Of the product, over it.
        converged: Whether every one is as exact as was asked for.
    """

    norms: dict[str, float]
    product: float
    relative_error: float
    converged: bool


def spectral_norms_of(
    minimum: Minimum, seed: int, convolution: ConvolutionNorm = "operator", rtol: float = 1e-4
) -> SpectralNorms | str:
    """Return the spectral norms, or why there are none."""

    def compute() -> SpectralNorms | str:
        try:
            find_neurons(minimum.problem, minimum.theta)
        except NotUnderstoodError as error:
            return str(error)
        calls = layer_calls(minimum.problem, minimum.theta)
        found = [_norm(call, seed, convolution, rtol) for call in calls]
        product = float(torch.tensor([each[0] for each in found], dtype=torch.float64).prod())
        return SpectralNorms(
            {call.name: each[0] for call, each in zip(calls, found, strict=True)},
            product,
            sum(each[1] for each in found),
            all(each[2] for each in found),
        )

    return minimum.shared(("spectral norms", seed, convolution, rtol), compute).value


def _norm(call: LayerCall, seed: int, convolution: ConvolutionNorm, rtol: float) -> tuple[float, float, bool]:
    """Return the norm of one layer, its relative error, and whether that is as asked for."""
    apply, scale = call.apply, call.scale
    if apply is None or convolution == "kernel":
        matrix = scale[:, None] * call.weight.flatten(1)
        return float(torch.linalg.matrix_norm(matrix, 2)), 1e-14, True
    size, channels = int(torch.tensor(call.shape).prod()), scale.view(-1, *[1] * (len(call.shape) - 1))

    def product(v: Tensor) -> Tensor:
        with torch.enable_grad():
            x = v.view(1, *call.shape).clone().requires_grad_()
            y = channels * apply(x)
            return torch.autograd.grad(y, x, y.detach())[0].reshape(-1)

    pairs = lanczos(Lambda(product, size, torch.float64, call.weight.device), rtol=rtol, max_matvecs=300, seed=seed)
    value = float(pairs.values[0])
    if value <= 0:
        return 0.0, 0.0, True
    return value**0.5, 0.5 * float(pairs.residuals[0]) / value, pairs.converged
