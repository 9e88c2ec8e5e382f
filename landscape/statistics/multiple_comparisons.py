"""Holm's correction for having asked several questions."""

from collections.abc import Sequence


def holm(p_values: Sequence[float | None]) -> list[float | None]:
    r"""Return p-values corrected for their number, in the order given; None stays None and counts as a question.

    Sorted upwards, $\tilde p_{(i)} = \max_{j \le i} \min(1, (m - j + 1)\, p_{(j)})$. Rejecting where
    $\tilde p \le \alpha$ makes any false rejection at all no more likely than $\alpha$, however the questions
    depend on each other.

    Args:
        p_values: One for each question.

    Example:
        >>> holm([0.01, 0.04, 0.03])
        [0.03, 0.06, 0.06]

    References:
        Holm (1979), A simple sequentially rejective multiple test procedure, Scandinavian Journal of Statistics 6(2).
    """
    corrected: list[float | None] = [None] * len(p_values)
    known = sorted((p, i) for i, p in enumerate(p_values) if p is not None)
    largest = 0.0
    for rank, (p, i) in enumerate(known):
        largest = max(largest, min(1.0, (len(p_values) - rank) * p))
        corrected[i] = largest
    return corrected
