"""Lanczos with full reorthogonalisation, stopped on its residuals."""

import math

import torch
from torch import Tensor

from landscape.errors import UsageError
from landscape.operators.symmetric_operator import SymmetricOperator
from landscape.solvers.basis_storage import BasisStorage
from landscape.solvers.complement_check import ComplementCheck
from landscape.solvers.eigen_request import EigenRequest
from landscape.solvers.eigenpairs import Eigenpairs
from landscape.solvers.krylov_basis import KrylovBasis
from landscape.solvers.subspace_search import SubspaceSearch
from landscape.solvers.unit_scale import UnitScale


def lanczos(
    operator: SymmetricOperator,
    k: int = 1,
    *,
    bottom: int = 0,
    rtol: float = 1e-3,
    max_matvecs: int = 200,
    start: Tensor | None = None,
    block_size: int = 1,
    max_basis: int | None = None,
    storage: BasisStorage | None = None,
    verify: bool | None = None,
    seed: int = 0,
) -> Eigenpairs:
    r"""Return the k largest and the ``bottom`` smallest algebraic eigenvalues with vectors, residuals and bounds.

    Every product is orthogonalised twice against the whole basis, so no ghost copies appear, and the operator's
    matrix in the basis is known whatever the basis is. From one vector this is plain Lanczos; from several (a warm
    start) the first products find the best vectors in their span, and each further one goes along the residual of
    the pair that is furthest from its tolerance. Where the products lead nowhere new, the search starts again from
    a random vector of the complement. A full basis is shrunk to the wanted vectors and their neighbours (thick
    restart).

    Args:
        operator: Any symmetric operator.
        k: How many of the largest eigenvalues; may be 0 if ``bottom`` is not.
        bottom: How many of the smallest.
        rtol: Stop when every residual is at most ``rtol`` times its eigenvalue's magnitude; the values are then far
            better than that (their error is of the order of the residual's square).
        max_matvecs: Stop here at the latest; then ``converged`` is False.
        start: First vector, shape ``(n,)``, or vectors, ``(n, p)``; random by default.
        block_size: Products at a time. Blocks share passes through the network but need more products in all.
        max_basis: Most vectors in memory (the check below adds one); 2 GiB of them by default, 256
            at most unless many eigenvalues are asked for.
        storage: Where and in what precision the basis is kept; on the operator's device and in its precision when None.
        verify: Whether to look for eigenvalues that the search has missed, from random vectors of the complement, until
            nothing is left a tolerance beyond the wanted ones but for a probability of 1e-3, and nothing ten tolerances
            beyond but for 1e-6 (or, where the products that it may take tell no more, ten but for 1e-3); the bounds are
            then those of the eigenvalues of their ranks, but for 1e-6: wide where little was told. By default up to an
            n of 2,000, and where a multiplicity is suspected: the basis became invariant, or two wanted values are
            within 1 % of each other. Up to 2,000 a single value from one random vector takes half as many products
            more instead, at least 8, for what that cannot have missed (not where storage rounds), and n of at most 32
            is multiplied out; neither where this is False. A single value from a given start is not checked, which is
            what makes it cheap: its bound is that of an eigenvalue, whatever its rank.
        seed: Of all random vectors.

    Raises:
        UsageError: If a number is out of its range, or the start is no direction.
        ProblemError: If the products show that the operator is not symmetric.
        FloatingPointError: If a product is not finite.

    Cost:
        ``matvecs`` products, and as many vectors of length n in memory, up to ``max_basis``. The check costs at most
        twice as many products again, or 4 ln(n) + 16, for every copy found and the last time; where that does not
        tell, ``converged`` is False. Warm starts for five values, after five steps of training
        (digits, 9 networks): 20.2 products from a random vector, 19.0 from five vectors of shape ``(n, 5)``, 15.3
        from their *sum*, which is the better start unless the vectors are eigenvectors already. For one value: 9.8
        and 5.0. A start along the gradient saved 1.2 products of 9.8 for one value and 0.6 of 19.7 for five,
        of which the gradient itself costs about half a product; mixed with a random vector it stopped at a value 3 %
        too small in 2 of 96 runs (24 networks), which neither a random start nor the bare gradient did.

    Pitfalls:
        The Kato-Temple bound is not what it stops on: after five or six products it can promise 1e-4 while the two
        largest eigenvalues, 10 % apart, are still one Ritz value between them (4 runs in 100 of digits CNNs).
        A Krylov space holds one vector of each eigenspace: without the check a repeated eigenvalue is found once.
        A start that is an eigenvector is one within rtol after a single product, whichever eigenvalue it belongs to.

    References:
        Parlett 1998, "The symmetric eigenvalue problem", chapters 11 and 13. Wu and Simon 2000, "Thick-restart
        Lanczos method for large symmetric eigenvalue problems".
    """
    request = EigenRequest(operator.shape[0], k, bottom, rtol, max_matvecs)
    if block_size < 1:
        raise UsageError(f"block_size must be at least 1; it is {block_size}. 1 needs the fewest products.")
    scaled = UnitScale(operator)
    basis = KrylovBasis(scaled, storage)
    for column in () if start is None else start_columns(start, request.n):
        basis.add(column)
    search = SubspaceSearch(basis, request, seed, block=min(block_size, request.n), max_basis=max_basis)
    return scaled.pairs(search.run(ComplementCheck(request, warm=start is not None, verify=verify)))


def start_columns(start: Tensor, n: int) -> list[Tensor]:
    """Return the vectors of a start of shape ``(n,)`` or ``(n, p)``.

    Raises:
        UsageError: If it has another shape, or a vector is zero or not finite.
    """
    if start.ndim not in (1, 2) or start.shape[0] != n or not start.numel():
        raise UsageError(f"A start has shape ({n},) or ({n}, p); this one has {tuple(start.shape)}.")
    columns = list(start.detach().reshape(n, -1).unbind(1))
    for index, column in enumerate(columns):
        size = float(torch.linalg.vector_norm(column, dtype=torch.float64))
        if not 0 < size < math.inf:
            raise UsageError(f"Vector {index} of the start has length {size}: it is no direction. Leave it out.")
    return columns
