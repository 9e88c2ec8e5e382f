"""What a model loses between the training set and the test set."""

import math
from typing import Any


def finite(value: Any) -> float | None:
    """Return ``value`` as a float, or None where it is missing or not finite."""
    return float(value) if value is not None and math.isfinite(value) else None


def generalization_gap(
    *,
    train_loss: float | None,
    test_loss: float | None,
    train_accuracy: float | None = None,
    test_accuracy: float | None = None,
) -> dict[str, float | None]:
    r"""Return ``gap_loss`` and ``gap_error``, each None where one of its two numbers is missing or not finite.

    $\mathrm{gap}_{loss} = L_{test} - L_{train}$ and
    $\mathrm{gap}_{error} = \mathrm{acc}_{train} - \mathrm{acc}_{test}$, in evaluation mode and without
    augmentation. Both are positive where the model does worse on the test set.

    Args:
        train_loss: Mean loss over the training examples.
        test_loss: Mean loss over the test examples.
        train_accuracy: Fraction of training examples classified right; None without classes.
        test_accuracy: Fraction of test examples classified right; None without classes.

    Example:
        >>> generalization_gap(train_loss=0.5, test_loss=0.75)
        {'gap_loss': 0.25, 'gap_error': None}
    """
    return {
        "gap_loss": _difference(test_loss, train_loss),
        "gap_error": _difference(train_accuracy, test_accuracy),
    }


def _difference(larger: float | None, smaller: float | None) -> float | None:
    minuend, subtrahend = finite(larger), finite(smaller)
    return None if minuend is None or subtrahend is None else finite(minuend - subtrahend)
