"""Cross-entropy of the softmax."""

import torch
from torch.nn import functional as F

from landscape.errors import UsageError
from landscape.registry import losses


@losses.register("cross_entropy", "cross-entropy of the softmax, mean over examples (natural logarithm)")
def cross_entropy(outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    r"""Return $\frac1N \sum_n \bigl(\log \sum_k e^{f_k(x_n)} - f_{y_n}(x_n)\bigr)$.

    Args:
        outputs: Logits ``(N, classes)``.
        targets: Classes, int64 ``(N,)``.

    Returns:
        The mean over examples.

    Raises:
        UsageError: If targets are numbers, which torch would read as probabilities.
    """
    if targets.is_floating_point():
        raise UsageError("cross_entropy needs classes, and these targets are numbers. Use --loss half_squared or mse.")
    return F.cross_entropy(outputs, targets)
