"""How much arithmetic a training step is."""

import torch
from torch import Tensor, nn

from landscape.training.evaluation import evaluation_mode


def step_work(model: nn.Module, x: Tensor, batch_size: int) -> int:
    """Return the multiplications and additions of one step's forward pass, those of linear layers and convolutions.

    Weights of other layers count as if each were used once an example.

    Args:
        model: Comes back as it was.
        x: One input, shape ``(1, ...)``.
        batch_size: Examples a step.
    """
    seen, total = set(), 0

    def count(module: nn.Module, _: object, output: Tensor) -> None:
        nonlocal total
        weight = module.weight
        if isinstance(output, Tensor) and isinstance(weight, Tensor):
            seen.add(weight)
            total += 2 * weight.numel() * output.numel() // len(weight)

    layers = [each for each in model.modules() if isinstance(each, nn.Linear | nn.Conv1d | nn.Conv2d | nn.Conv3d)]
    hooks = [each.register_forward_hook(count) for each in layers]
    try:
        with evaluation_mode(model), torch.no_grad():
            model(x)
    finally:
        for hook in hooks:
            hook.remove()
    others = sum(2 * each.numel() for each in model.parameters() if each not in seen and each.ndim > 1)
    return (total + others) * batch_size
