"""Squared errors, in the two conventions that the literature mixes up."""

import torch

from landscape.errors import UsageError
from landscape.registry import losses


@losses.register("half_squared", "1/2 |f - target|^2, summed over outputs, mean over examples")
def half_squared(outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    r"""Return $\frac1N \sum_n \tfrac12 \lVert f(x_n) - t_n \rVert^2$, summed over outputs.

    Args:
        outputs: Outputs ``(N, outputs)``.
        targets: Classes ``(N,)``, which become one-hot, or numbers ``(N, outputs)``, used as they are.

    Returns:
        The mean over examples.

    References:
        Cohen, Kaur, Li, Kolter, Talwalkar (2021), Gradient Descent on Neural Networks Typically Occurs at the
        Edge of Stability: the loss of their image experiments, up to the factor 1/2.
    """
    return 0.5 * (outputs - _as_outputs(targets, outputs)).square().sum() / len(outputs)


@losses.register("mse", "torch.nn.MSELoss on one-hot or numeric targets: mean over outputs too")
def mse(outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    r"""Return the mean of $(f - t)^2$ over examples *and* outputs, as ``torch.nn.MSELoss`` does.

    Args:
        outputs: Outputs ``(N, outputs)``.
        targets: Classes ``(N,)``, which become one-hot, or numbers ``(N, outputs)``, used as they are.

    Returns:
        The mean over examples.

    Pitfalls:
        It is ``half_squared`` times 2 / outputs: with ten classes every curvature is a fifth of it.
    """
    return (outputs - _as_outputs(targets, outputs)).square().mean()


def _as_outputs(targets: torch.Tensor, outputs: torch.Tensor) -> torch.Tensor:
    if not targets.is_floating_point():
        # By comparison, because torch's one_hot looks at the values: it waits for the device and fails under vmap.
        return (targets[..., None] == torch.arange(outputs.shape[-1], device=targets.device)).to(outputs.dtype)
    if targets.shape != outputs.shape:
        raise UsageError(
            f"A squared error needs targets of the outputs' shape {tuple(outputs.shape)}, not {tuple(targets.shape)}."
        )
    return targets
