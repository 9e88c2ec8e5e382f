r"""What a Krylov space from a random vector can have missed, and how large the eigenvalues therefore are at most.

Of $HQ = QT + q_+ b^\top$ an eigenvector u of eigenvalue x has components $a = Q^\top u = (u^\top q_+)(xI - T)^{-1} b$.
Beyond all Ritz values the start's component is the smallest of these by far: $(u^\top q_1)^2$ is at most
`unseen_part`, or |u| would be more than 1 (it is the Christoffel function of the spectrum as the start sees it). A
random start has a component so small with a probability that is known, which gives a `ceiling` of the spectrum: what
Kuczynski and Wozniakowski bound in advance for all operators, read off the products that were made.

References:
    Kuczynski and Wozniakowski 1992, "Estimating the largest eigenvalue by the power and Lanczos algorithms with a
    random start". Akhiezer 1965, "The classical moment problem", chapter 2. Haynsworth 1968, "Determination of the
    inertia of a partitioned Hermitian matrix".
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

DOUBT = 1e-3
"""Probability with which a search may stop too early: its start was so nearly orthogonal to an eigenvector."""

RARE = 1e-6
"""Probability with which a bound may fail for the same reason."""

WIDER = 10.0
"""Tolerances beyond the values found that are good enough where more would cost too many products."""

QUESTIONED = 2000
"""Size up to which values are questioned unasked: products are cheap there. Beyond it `lanczos` is to be asked."""

_HALVINGS = 24


@dataclass(frozen=True)
class Segment:
    """A Krylov space between two restarts, in the coordinates of its Ritz vectors.

    Attributes:
        nodes: Ritz values, shape ``(m,)``.
        ahead: Their coupling to the vector that comes next, shape ``(m,)``.
        first: Their components along the vector that this segment began with, shape ``(m,)``.
    """

    nodes: np.ndarray
    ahead: np.ndarray
    first: np.ndarray


def segment_of(T: np.ndarray, ahead: float, first: int = 0) -> Segment:
    """Return the segment of a small matrix.

    Args:
        T: Shape ``(m, m)``: Ritz vectors that a restart kept, then the vectors that came one after the other. What
            else couples them is rounding.
        ahead: What leads on from the last one.
        first: Where they begin.
    """
    size = len(T)
    shape = np.eye(size, dtype=bool)
    later = np.arange(first + 1, size)
    shape[first, :first] = shape[later, later - 1] = True
    clear = np.where(shape | shape.T, (T + T.T) / 2, 0.0)
    nodes, small = np.linalg.eigh(clear)
    return Segment(nodes, ahead * small[-1], small[first])


def unseen_part(segments: Sequence[Segment], x: float) -> float:
    """Return the largest square of a component that the start can have along an eigenvector of eigenvalue x.

    Args:
        segments: Of one Krylov space, each begun with the vector that came next in the one before.
        x: Beyond all nodes.
    """
    grown = 0.0
    for index, each in enumerate(segments):
        if not each.ahead.any():
            return 0.0
        inverse = each.ahead / (x - each.nodes)
        back = abs(float(inverse @ each.first))
        if back == 0:
            return 0.0
        grown -= math.log(back)
        if index == len(segments) - 1:
            grown += 0.5 * math.log1p(float(inverse @ inverse))
    return math.exp(-2 * grown) if grown > 0 else 1.0


def excluded(segments: Sequence[Segment], n: int, x: float, doubt: float = DOUBT) -> bool:
    """Return whether no eigenvalue is at x or beyond it, but for a probability of ``doubt``; x is beyond all nodes."""
    return unseen_part(segments, x) <= doubt**2 * math.pi / (2 * n)


def length_of_line(n: int, matvecs: int) -> int:
    """Return how many products a line in the complement may take that questions values found by ``matvecs``."""
    return max(4 * math.ceil(math.log(n)) + 16, 2 * matvecs)


def excluded_all(segments: Sequence[Segment], n: int, near: Sequence[float], far: Sequence[float]) -> bool:
    """Return whether nothing is beyond the values of ``near``, and hardly anything could be beyond those of ``far``.

    The first but for `DOUBT`, the second but for `RARE`: what is printed is not far beyond what was looked for.
    """
    return all(excluded(segments, n, x) for x in near) and all(excluded(segments, n, x, RARE) for x in far)


def ceiling(segments: Sequence[Segment], n: int, *, largest: bool, least: float) -> float:
    """Return the nearest value beyond all nodes that is excluded but for `RARE`, at least ``least`` away from them."""
    nodes = np.concatenate([each.nodes for each in segments])
    end, sign = (float(nodes.max()), 1.0) if largest else (float(nodes.min()), -1.0)
    scale = max(float(np.abs(np.concatenate([each.nodes, each.ahead])).max()) for each in segments)
    far = least = max(least, 1e-15 * scale)
    while not excluded(segments, n, end + sign * far, RARE):
        far *= 4
        if not math.isfinite(far):
            return sign * math.inf
    near = far / 4
    for _ in range(_HALVINGS if far > least else 0):
        middle = math.sqrt(near * far)
        near, far = (near, middle) if excluded(segments, n, end + sign * middle, RARE) else (middle, far)
    return end + sign * far


def at_most(T: np.ndarray, leaks: np.ndarray, above: float, count: int) -> np.ndarray:
    r"""Return upper bounds of the ``count`` largest eigenvalues of H, shape ``(count,)``.

    With $H = \begin{pmatrix} T & B^\top \\ B & C \end{pmatrix}$ and C at most c, as many eigenvalues of H are beyond
    x > c as are of $T + B^\top(xI - C)^{-1}B$, which is at most $T + B^\top B/(x - c)$. Where a value is alone this
    is the Kato-Temple bound, with a gap that is known.

    Args:
        T: Of an orthonormal basis, shape ``(m, m)``.
        leaks: $B^\top B$, shape ``(m, m)``.
        above: c, of what is orthogonal to the basis.
        count: At most m.
    """
    if not count:
        return np.zeros(0)
    values = np.linalg.eigvalsh(T)[::-1][:count]
    size = math.sqrt(float(np.linalg.norm(leaks, 2)))
    scale = max(abs(above), float(np.abs(values).max()), size)
    if size <= 1e-15 * scale:
        return np.maximum(values, above) + size
    bounds = np.empty(count)
    for index, value in enumerate(values):
        low = max(float(value), above)
        # beyond this one there is no doubt
        high = low + size + 1e-15 * scale
        near, far = 1e-16 * scale, high - low
        for _ in range(_HALVINGS):
            middle = math.sqrt(near * far)
            x = low + middle
            # x itself may be rounded to c
            beyond = np.linalg.eigvalsh(T + leaks / max(x - above, middle))[::-1][index] >= x
            near, far = (middle, far) if beyond else (near, middle)
        bounds[index] = low + far
    return bounds
