"""How many examples a classifier gets right."""

import torch


def count_correct(outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """Return the number of examples whose largest output is that of their class, as a whole-number scalar.

    Args:
        outputs: One output per class, ``(N, classes)``.
        targets: Classes, ``(N,)``.
    """
    return (outputs.argmax(dim=1) == targets).sum()
