"""Training labels that are wrong on purpose."""

import math

import torch

from landscape.errors import UsageError
from landscape.randomness import derive_seed


def add_label_noise(y: torch.Tensor, fraction: float, num_classes: int | None, seed: int) -> torch.Tensor:
    """Return the labels with exactly ``round(fraction * N)`` of them replaced by a different class.

    Which ones, and by which of the other classes (each equally likely), is drawn from ``seed``.

    Raises:
        UsageError: If the fraction is not in [0, 1] or there are no two classes to confuse.
    """
    if not (math.isfinite(fraction) and 0 <= fraction <= 1):
        raise UsageError(f"Label noise is a fraction of the training labels, from 0 to 1, not {fraction}.")
    if fraction == 0:
        return y
    if num_classes is None or num_classes < 2:
        raise UsageError(
            "Label noise replaces a class by another one, and these data have no two classes. Leave --label-noise out."
        )
    generator = torch.Generator().manual_seed(derive_seed(seed, "label noise"))
    wrong = torch.randperm(len(y), generator=generator)[: round(fraction * len(y))]
    shift = torch.randint(1, num_classes, (len(wrong),), generator=generator)
    noisy = y.clone()
    noisy[wrong] = (y[wrong] + shift) % num_classes
    return noisy
