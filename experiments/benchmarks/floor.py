"""What a product must cost at least, counted in multiplications of convolutions and linear layers.

A layer's forward pass counts 1. Its gradient counts 3: forward, for the weights, for the input. A Hessian-vector
product differentiates each of these along a direction, two terms for each factor: 9 in all, of which 3 are the
linearisation, so that a product on a held linearisation counts 6. The first layer's input has no derivative: its
gradient counts 2, its product 4, on a held linearisation 2.
"""

import torch
from problems import Loaded
from torch import Tensor, nn


def work_of(loaded: Loaded) -> list[int]:
    """Return the multiplications of one example's forward pass, layer by layer."""
    counts: list[int] = []

    def count(layer: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        counts.append(output[0].numel() * layer.weight[0].numel())

    layers = [each for each in loaded.model.modules() if isinstance(each, nn.Conv2d | nn.Linear)]
    hooks = [each.register_forward_hook(count) for each in layers]
    with torch.no_grad():
        loaded.model(loaded.x[:1])
    for hook in hooks:
        hook.remove()
    return counts


def floor_of(loaded: Loaded) -> dict[str, float]:
    """Return the cost of products in gradients, by arithmetic alone."""
    counts = work_of(loaded)
    total, first = sum(counts), counts[0]
    gradient = 3 * total - first
    return {
        "multiplications": total,
        "product": (9 * total - 5 * first) / gradient,
        "held": (6 * total - 4 * first) / gradient,
    }
