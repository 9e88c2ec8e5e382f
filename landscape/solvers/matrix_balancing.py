"""The least sum of a matrix over diagonal similarities, with a certificate."""

from dataclasses import dataclass

import numpy as np
from scipy.linalg import cho_factor, cho_solve
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from landscape.errors import ProblemError

MOST = 8000
"""Rows of a matrix up to which one dense factorisation a step is taken."""


@dataclass(frozen=True)
class Balanced:
    r"""The minimum of $\sum_{pq} c_{pq} e^{2(z_q - z_p)}$ over z.

    Attributes:
        value: The sum at ``log_scales``, without what can be made as small as one likes.
        gap: What it is above the minimum at most: a theorem, by weak duality, up to rounding.
        log_scales: z, shape ``(n,)``, 0 at the first index.
        steps: Of Newton's method.
        attained: Whether a finite z attains the minimum; otherwise some terms vanish only in the limit.
    """

    value: float
    gap: float
    log_scales: np.ndarray
    steps: int
    attained: bool


def balance(
    rows: np.ndarray, columns: np.ndarray, values: np.ndarray, size: int, *, rtol: float = 1e-12, max_steps: int = 200
) -> Balanced:
    r"""Return the least $\sum_k c_k e^{2(z_{q_k} - z_{p_k})}$ over z, by Newton's method.

    The sum is convex in z; its Hessian is the Laplacian of a graph whose edges weigh $t_k$, the terms. Newton's step y
    also gives a point of the dual problem, $\nu_k = t_k(1 - u_k)$ with $u_k = 2(y_{q_k} - y_{p_k})$, a flow that is
    kept at every node, and with it the gap $\sum_k t_k (u_k + (1-u_k)\log(1-u_k))$. A term whose two ends do not lie
    in one strongly connected component can be made as small as one likes, and is left out.

    Args:
        rows: p, shape ``(terms,)``; terms of one place are added up.
        columns: q, likewise.
        values: c, not negative.
        size: n.
        rtol: Stop when the gap is at most this times the value, or rounding lets it get no smaller.
        max_steps: Most steps.

    Raises:
        ProblemError: If the matrix is too large for a dense factorisation.

    References:
        Osborne 1960, "On pre-conditioning of matrices"; Kalantari, Khachiyan, Shokoufandeh 1997, "On the complexity
        of matrix balancing".
    """
    if size > MOST:
        raise ProblemError(f"There are {size} neurons; up to {MOST} are balanced.")
    matrix = coo_matrix((values, (rows, columns)), shape=(size, size)).tocsr().tocoo()
    p, q, c = matrix.row, matrix.col, matrix.data
    there = c > 0
    p, q, c = p[there], q[there], c[there]
    _, component = connected_components(coo_matrix((np.ones(len(c)), (p, q)), shape=(size, size)), connection="strong")
    stays = component[p] == component[q]
    constant = float(c[stays & (p == q)].sum())
    moves = stays & (p != q)
    z, value, gap, steps = _newton(p[moves], q[moves], c[moves], _movable(component), size, constant, rtol, max_steps)
    return Balanced(value, gap, z - z[0], steps, bool(stays.all()))


def _movable(component: np.ndarray) -> np.ndarray:
    """Return all indices but the first of each component: only differences of scales within one matter."""
    _, first = np.unique(component, return_index=True)
    return np.setdiff1d(np.arange(len(component)), first)


def _newton(
    p: np.ndarray,
    q: np.ndarray,
    c: np.ndarray,
    movable: np.ndarray,
    size: int,
    constant: float,
    rtol: float,
    max_steps: int,
) -> tuple[np.ndarray, float, float, int]:
    z = np.zeros(size)
    best = np.inf
    for step in range(max_steps + 1):
        terms = c * np.exp(2 * (z[q] - z[p]))
        value = constant + float(terms.sum())
        y = _direction(terms, p, q, movable, size)
        u = 2 * (y[q] - y[p])
        gap = _gap(terms, u)
        # rounding: Newton's last steps square the gap, so that one that does not help is the end
        if gap <= rtol * value or step == max_steps or (gap < 1e-6 * value and gap >= best):
            return z, value, gap, step
        best = min(best, gap)
        z = z - _length(terms, u) * y
    raise AssertionError


def _direction(terms: np.ndarray, p: np.ndarray, q: np.ndarray, movable: np.ndarray, size: int) -> np.ndarray:
    """Return Newton's step: the Laplacian of the terms, times 4, inverse on the gradient."""
    weights = coo_matrix((terms, (p, q)), shape=(size, size)).toarray()
    out, into = weights.sum(1), weights.sum(0)
    laplacian = np.diag(out + into) - weights - weights.T
    scale = 1 / np.sqrt(np.diag(laplacian)[movable])
    y = np.zeros(size)
    if len(movable):
        inner = scale[:, None] * laplacian[np.ix_(movable, movable)] * scale[None, :]
        y[movable] = scale * _solve(inner, scale * (into - out)[movable]) / 2
    return y


def _solve(matrix: np.ndarray, right: np.ndarray) -> np.ndarray:
    try:
        factor = cho_factor(matrix)
    except np.linalg.LinAlgError:
        # neurons that hang together by terms below rounding
        factor = cho_factor(matrix + 1e-12 * np.eye(len(matrix)))
    solution: np.ndarray = cho_solve(factor, right)
    return solution


def _gap(terms: np.ndarray, u: np.ndarray) -> float:
    if bool((u > 1).any()):
        return float("inf")
    rest = 1 - u
    return float((terms * (u + rest * np.log(np.where(rest > 0, rest, 1.0)))).sum())


def _length(terms: np.ndarray, u: np.ndarray) -> float:
    """Return how much of the step lowers the sum enough (Armijo)."""
    length, slope = 1.0, float((terms * u).sum())
    now = float(terms.sum())
    while float((terms * np.exp(-length * u)).sum()) > now - 1e-4 * length * slope and length > 1e-10:
        length /= 2
    return length
