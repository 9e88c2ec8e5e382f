"""Power iteration with deflation and shift, stopped on the residual."""

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from landscape.errors import UsageError
from landscape.operators.symmetric_operator import SymmetricOperator
from landscape.randomness import derive_seed
from landscape.solvers.eigen_request import EigenRequest
from landscape.solvers.eigenpairs import Eigenpairs, dot, one_for_each, random_unit_vector, rounding_of_products
from landscape.solvers.questioned import questioned
from landscape.solvers.symmetry import refuse_asymmetry
from landscape.solvers.unit_scale import UnitScale

_PATIENCE = 20
_MARGIN = 0.9


def power_iteration(
    operator: SymmetricOperator, k: int = 1, *, rtol: float = 1e-3, max_matvecs: int = 1000, seed: int = 0
) -> Eigenpairs:
    r"""Return the k largest *algebraic* eigenvalues by power iteration, one after another.

    $v \leftarrow (H + cI)v / |(H + cI)v|$, orthogonal to the vectors found before (deflation). The shift c is 0
    until the largest eigenvalue in magnitude turns out to be negative (or as large as the largest positive
    one, so that nothing settles); then c is that magnitude, and the largest algebraic one dominates.

    Args:
        operator: Any symmetric operator.
        k: How many eigenvalues, 1 to n.
        rtol: Stop when the residual $|Hv - \theta v|$ is at most ``rtol`` times $|\theta|$.
        max_matvecs: Products in all; a value that has not settled by then makes ``converged`` False.
        seed: Of the random first vectors.

    Raises:
        UsageError: If k or a tolerance is out of its range.
        ProblemError: If the first two products show that the operator is not symmetric.

    Cost:
        About $\ln(1/\text{rtol})/\ln(\lambda_1/\lambda_2)$ products for one eigenvalue: slow where the two are
        close, where Lanczos needs the square root of that or less. Three vectors in memory. Up to 2,000 elements
        what looks for a value that was missed (`questioned`) takes some ten to twenty more.

    Pitfalls:
        The residual says that *an* eigenvalue is near, not which; a start that is orthogonal to the wanted
        eigenvector (probability zero, but for rounding) finds another.

    References:
        Golub and Van Loan 2013, "Matrix computations", section 8.2.1.
    """
    request = EigenRequest(operator.shape[0], k, 0, rtol, max_matvecs)
    n = request.n
    if max_matvecs < k:
        raise UsageError(f"{k} values need a product each; max_matvecs is {max_matvecs}. Give some tens for each.")
    like = torch.empty(0, dtype=operator.dtype, device=operator.device)
    scaled = UnitScale(operator)
    found: list[_Settled] = []
    left, scale = max_matvecs, 0.0
    for index in range(k):
        start = random_unit_vector(n, derive_seed(seed, "power iteration", index), like)
        known = torch.stack([each.vector for each in found]) if found else like.new_empty(0, n)
        fresh = random_unit_vector(n, derive_seed(seed, "power iteration restart", index), like)
        # each value that is still to come needs a product
        most = left - (k - 1 - index)
        found.append(_settle(scaled, _deflate(start, known), _deflate(fresh, known), known, rtol, most, scale))
        left, scale = left - found[-1].matvecs, found[-1].scale
    pairs, products = _rayleigh_ritz(found, rtol, max_matvecs)
    return scaled.pairs(questioned(scaled, pairs, products, request, seed))


@dataclass(frozen=True)
class _Settled:
    vector: Tensor
    product: Tensor
    matvecs: int
    highest: bool
    scale: float


def _settle(
    operator: SymmetricOperator, v: Tensor, fresh: Tensor, known: Tensor, rtol: float, most: int, scale: float
) -> _Settled:
    """Iterate from v, orthogonal to the rows of ``known``, until the residual is small; with a shift from ``fresh``."""
    # ``scale`` is the size of the largest product so far: what is rounding is so beside it
    shift, best, stalled = 0.0, np.inf, 0
    before = first = v
    for matvecs in range(1, most + 1):
        Hv = operator @ v
        inner = torch.dot(v.double(), Hv.double())
        # within the complement of the known vectors; what they leak into it is mended by Rayleigh-Ritz at the end
        outside = _project(Hv - inner * v, known)
        # read at once: on a GPU each reading waits for the product
        value, size, residual = torch.stack([inner, Hv.double().norm(), outside.double().norm()]).tolist()
        if not math.isfinite(value):
            operator.refuse_not_finite(v)
            raise FloatingPointError(f"a product with the operator is {value} (product {matvecs})")
        scale = max(scale, size)
        if matvecs == 2 and scale:
            refuse_asymmetry(abs(dot(v, first) - dot(before, Hv)) / scale, v.dtype)
        before, first = v, Hv
        rounding = float(torch.finfo(v.dtype).eps) * max(scale, shift)
        small = residual <= max(_MARGIN * rtol * abs(value), 2 * rounding)
        highest = shift > 0 or value >= -rounding
        if (small and highest) or matvecs == most:
            break
        stalled = 0 if residual < 0.9 * best else stalled + 1
        best = min(best, residual)
        # -|lambda| dominates, or balances +|lambda| so that v swings between the two
        if shift == 0 and (small or (stalled >= _PATIENCE and residual > 0.1 * size)):
            # a little more than |lambda|, so that H + cI does not send v to zero
            shift = 1.1 * size
            # v is the wrong eigenvector to high accuracy: its small residual would pass for the right one's
            v, best, stalled = fresh, np.inf, 0
            continue
        v = _deflate(Hv + shift * v, known)
    return _Settled(v, Hv, matvecs, highest, scale)


def _project(v: Tensor, known: Tensor) -> Tensor:
    return v - known.T @ (known @ v)


def _deflate(v: Tensor, known: Tensor) -> Tensor:
    v = _project(v, known)
    return v.div(v.norm())


def _rayleigh_ritz(found: list[_Settled], rtol: float, max_matvecs: int) -> tuple[Eigenpairs, Tensor]:
    """Return the eigenpairs within the span of the vectors found, and their products; no further product."""
    V = torch.stack([each.vector for each in found], dim=1)
    HV = torch.stack([each.product for each in found], dim=1)
    small = (V.double().T @ HV.double()).cpu()
    values, rotation = torch.linalg.eigh((small + small.T) / 2)
    values, rotation = values.flip(0), rotation.flip(1)
    vectors, products = V @ rotation.to(V), HV @ rotation.to(V)
    difference = products.double() - vectors.double() * values.to(V.device)
    measured = difference.norm(dim=0).cpu().numpy()
    scale = max(each.scale for each in found)
    rounding = rounding_of_products(V.dtype, scale)
    # turning the vectors rounds too, and so does a shift
    within = bool((measured <= np.maximum(rtol * np.abs(values.numpy()), rounding)).all())
    residuals = measured + rounding
    converged = within and all(each.highest for each in found)
    matvecs = sum(each.matvecs for each in found)
    reason = "every residual is within rtol" if converged else f"max_matvecs ({max_matvecs}) reached"
    if not converged and matvecs < max_matvecs:
        reason = (
            "every vector is within rtol in the complement of those before it, but not in the whole space: "
            "ask for a smaller rtol"
        )
    pairs = Eigenpairs(
        values=values.numpy(),
        vectors=vectors,
        residuals=residuals,
        bounds=one_for_each(values.numpy(), residuals),
        bound_kind=("rigorous",) * len(residuals),
        sines=np.ones(len(residuals)),
        matvecs=matvecs,
        converged=converged,
        reason=reason,
        cost=float(matvecs),
    )
    return pairs, products
