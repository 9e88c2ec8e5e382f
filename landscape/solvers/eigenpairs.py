r"""Eigenpairs with their residuals and bounds, and which of these are theorems.

*Rigorous*, up to the rounding of the products: there is an eigenvalue within the bound of each value, and another one
for each (Weyl, Kahan). Whether it is the i-th of the spectrum is known where the whole space is spanned.
*Probable*: the i-th eigenvalue of the spectrum is within the bound. A vector orthogonal to everything seen may hide a
larger one; `unseen` says how large it can be, but for a probability of 1e-6 over the random start.
*Heuristic*: the Kato-Temple bound, whose gap is read off the values nearby; nothing was looked for between them.
"""

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

_PIECE, _PIECE_ON_GPU = 2**18, 2**22


@dataclass(frozen=True, repr=False)
class Eigenpairs:
    r"""Approximate eigenpairs of a symmetric operator, largest algebraic value first.

    Attributes:
        values: Shape ``(k,)``, float64, descending: the largest ones, then the smallest ones if asked for.
        vectors: Unit vectors as columns, shape ``(n, k)``.
        residuals: $r_i = |Hv_i - \theta_i v_i|$, shape ``(k,)``. There is an eigenvalue within $r_i$ of
            $\theta_i$ (Weyl): rigorous, up to the rounding of the products.
        bounds: How far the eigenvalue of its rank may be from each value, shape ``(k,)``: what is known of the vectors
            found and of all that is orthogonal to them, where that was searched (up to 2,000 elements, or where asked).
            It can be more than the residual (larger values are looked for to some ten tolerances only) or less (the
            square of the residual over a gap). Elsewhere the smaller of the residual and the Kato-Temple bound
            $r_i^2/\text{gap}_i$, which holds if no eigenvalue hides between those found.
        bound_kind: What each bound is, shape ``(k,)``: ``"rigorous"`` (there is an eigenvalue within it, whatever its
            rank), ``"probable"`` (the eigenvalue of its rank is, but for a probability of 1e-6) or ``"heuristic"``
            (it is unless one was missed).
        sines: Of the angle by which each vector may be off, shape ``(k,)``: $r_i/\text{gap}_i$, the gap read off the
            values nearby (heuristic); 1 where none is known.
        matvecs: Products spent.
        converged: Whether every residual is within the tolerance asked for.
        reason: Why the solver stopped, in words.
        cost: What was spent in products on the whole set of examples: ``matvecs``, except where some of the
            products were on a subset.
    """

    values: np.ndarray
    vectors: Tensor
    residuals: np.ndarray
    bounds: np.ndarray
    bound_kind: tuple[str, ...]
    sines: np.ndarray
    matvecs: int
    converged: bool
    reason: str
    cost: float

    def __repr__(self) -> str:
        """Return a line a value; the vectors are left out."""
        rows = zip(self.values, self.residuals, self.bounds, strict=True)
        lines = [f"{value:.7g}  residual {residual:.2g}  bound {bound:.2g}" for value, residual, bound in rows]
        return "\n".join([*lines, f"{self.matvecs} products; {self.reason}"])


def sines(residuals: np.ndarray, kato_temple_bounds: np.ndarray) -> np.ndarray:
    """Return the sines of the angles to the eigenvectors at most, by the gaps that Kato-Temple bounds rest on."""
    # the bound is residual^2 / gap, and the sine is at most residual / gap
    found = np.divide(kato_temple_bounds, residuals, out=np.zeros_like(residuals), where=residuals > 0)
    at_most_one: np.ndarray = np.minimum(1.0, found)
    return at_most_one


def kato_temple(values: np.ndarray, residuals: np.ndarray, reach: np.ndarray | None = None) -> np.ndarray:
    r"""Return the Kato-Temple bounds $r_i^2/\text{gap}_i$ of Ritz values, shape ``(k,)``.

    The gap of a value is its distance to the nearest other value, less that one's reach; infinite bounds
    stand where it is not positive or where there is no other value.

    Args:
        values: In any order, shape ``(k,)``.
        residuals: Shape ``(k,)``.
        reach: How far from each value the eigenvalue may be that it stands for; the residual when None.

    References:
        Parlett 1998, "The symmetric eigenvalue problem", theorem 11.7.1.
    """
    distance = np.abs(values[:, None] - values[None, :]) - (residuals if reach is None else reach)[None, :]
    np.fill_diagonal(distance, np.inf)
    gap = distance.min(axis=1, initial=np.inf)
    usable = np.isfinite(gap) & (gap > residuals)
    return np.where(usable, residuals**2 / np.where(usable, gap, 1.0), np.inf)


def one_for_each(values: np.ndarray, residuals: np.ndarray) -> np.ndarray:
    r"""Return bounds within which each value has an eigenvalue of its own, shape ``(k,)``: the residual, or more.

    Two close values may have the same eigenvalue within their residuals. Of orthonormal vectors whose intervals
    overlap, as many eigenvalues lie within $|R|_F$ of the values, one for each (Kahan).

    References:
        Parlett 1998, "The symmetric eigenvalue problem", theorem 11.5.1.
    """
    groups = [[index] for index in np.argsort(-values)]
    bound = np.array(residuals, dtype=float)
    place = 0
    while place + 1 < len(groups):
        above, below = groups[place][-1], groups[place + 1][0]
        if values[above] - bound[above] > values[below] + bound[below]:
            place += 1
            continue
        groups[place] += groups.pop(place + 1)
        bound[groups[place]] = np.linalg.norm(residuals[groups[place]])
        # a wider interval may reach the group before
        place = max(0, place - 1)
    return bound


def rounding_of_products(dtype: torch.dtype, scale: float) -> float:
    """Return what a product loses to rounding: some tens of units in the last place, measured on networks."""
    return 32 * float(torch.finfo(dtype).eps) * scale


def inner_product(a: Tensor, b: Tensor) -> Tensor:
    """Return the inner product of two vectors, accumulated in float64, as a tensor of one number."""
    # in pieces: the double of a whole vector is two more of them in memory
    size = _PIECE if a.device.type == "cpu" else _PIECE_ON_GPU
    pieces = zip(torch.split(a, size), torch.split(b, size), strict=True)
    return torch.stack([torch.dot(x.double(), y.double()) for x, y in pieces]).sum()


def dot(a: Tensor, b: Tensor) -> float:
    """Return the inner product of two vectors, accumulated in float64.

    Raises:
        FloatingPointError: If it is not finite: a product with the operator overflowed or is NaN.
    """
    value = float(inner_product(a, b))
    if not math.isfinite(value):
        raise FloatingPointError(f"a product with the operator is {value}")
    return value


def random_unit_vector(size: int, seed: int, like: Tensor) -> Tensor:
    """Return a Gaussian direction of unit length, shape ``(size,)``, drawn on the CPU."""
    v = torch.randn(size, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    return v.div_(v.norm()).to(like.device, like.dtype)
