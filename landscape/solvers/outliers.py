"""Which eigenvalues stand apart from the bulk."""

from dataclasses import dataclass

import numpy as np

CLEAR_GAP = 1.5
FLOOR = 1e-3
ROUNDING = 1e-5


@dataclass(frozen=True)
class Outliers:
    r"""The leading eigenvalues of one end of a spectrum, and how many of them stand apart.

    The leading eigenvalues are those that are resolved one by one; of the next one, the edge of what is not, the
    outermost Ritz value of all probes is known. With these in order of magnitude,
    $|\lambda_1| \ge \ldots \ge |\lambda_k|$, all of one sign, the gap after j is the ratio
    $|\lambda_j| / \max(|\lambda_{j+1}|, 10^{-3} |\lambda_1|)$. The outliers are those before the largest gap, the
    bulk edge is the eigenvalue after it. A gap is clear when the ratio is at least 1.5; without one there are no
    outliers, however large the first eigenvalues are.

    Zeros are no bulk: where $|\lambda_{j+1}| < 10^{-5} |\lambda_1|$, which rounding in float32 may have left of a
    zero, there is no gap after j. And below a thousandth of the first eigenvalue no gap is looked for: ratios
    within a tail that falls over many powers of ten say nothing about the first ones.

    Attributes:
        values: All the leading eigenvalues that are known, outermost first, shape ``(k,)``.
        residuals: How far each may be from an eigenvalue, shape ``(k,)``.
        count: Number of outliers: 0 without a clear gap.
        gap: The largest ratio; 1 where none counts.
        gap_after: After how many values the largest ratio is, clear or not; 0 where none counts.
        bulk_edge: The eigenvalue after that gap; None without a clear gap.
    """

    values: np.ndarray
    residuals: np.ndarray
    count: int
    gap: float
    gap_after: int
    bulk_edge: float | None

    @property
    def clear(self) -> bool:
        """Whether the largest gap is at least :data:`CLEAR_GAP`."""
        return self.count > 0


def find_outliers(values: np.ndarray, residuals: np.ndarray | None = None, edge: float | None = None) -> Outliers:
    """Return the outliers among the leading eigenvalues of one end.

    Args:
        values: Eigenvalues of one sign, outermost first, shape ``(k,)``.
        residuals: Their residuals; zero by default.
        edge: The next eigenvalue, or what is known of it; without one the last of ``values`` is only an edge.
    """
    values = np.asarray(values, dtype=float)
    residuals = np.zeros(len(values)) if residuals is None else residuals
    size = np.abs(values if edge is None else np.append(values, edge))
    counts = size[1:] > ROUNDING * size[:1]
    if not counts.any():
        return Outliers(values, residuals, 0, 1.0, 0, None)
    ratios = np.where(counts, size[:-1] / np.maximum(size[1:], FLOOR * size[0]), 0.0)
    largest = int(ratios.argmax())
    gap = float(ratios[largest])
    if gap < CLEAR_GAP:
        return Outliers(values, residuals, 0, gap, largest + 1, None)
    after = float(edge if largest + 1 == len(values) and edge is not None else values[largest + 1])
    return Outliers(values, residuals, largest + 1, gap, largest + 1, after)
