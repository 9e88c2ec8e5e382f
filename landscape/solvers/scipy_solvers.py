"""SciPy's eigenvalue solvers, with the residuals that they do not return."""

import inspect
import warnings
from collections.abc import Callable

import numpy as np
from scipy.sparse.linalg import ArpackError, ArpackNoConvergence
from scipy.sparse.linalg import eigsh as scipy_eigsh
from scipy.sparse.linalg import lobpcg as scipy_lobpcg

from landscape.errors import UsageError
from landscape.operators.symmetric_operator import SymmetricOperator
from landscape.randomness import derive_seed
from landscape.solvers.counted_products import CountedProducts, ProductsSpent
from landscape.solvers.eigen_request import EigenRequest
from landscape.solvers.eigenpairs import Eigenpairs, rounding_of_products
from landscape.solvers.scipy_memory import remembered
from landscape.solvers.unit_scale import UnitScale

# a little stricter than asked for, so that the residual measured at the end is within the tolerance too
_MARGIN = 0.8
# before SciPy 1.17 ARPACK had numbers of its own to go on with where it is done with a space; now they differ each time
_TAKES_RNG = "rng" in inspect.signature(scipy_eigsh).parameters
_End = Callable[[CountedProducts, bool, int, np.random.Generator], np.ndarray]


def eigsh(
    operator: SymmetricOperator,
    k: int = 1,
    *,
    bottom: int = 0,
    rtol: float = 1e-3,
    max_matvecs: int = 1000,
    seed: int = 0,
) -> Eigenpairs:
    r"""Return the k largest and ``bottom`` smallest algebraic eigenvalues by ARPACK, one end after the other.

    SciPy's ``eigsh`` with ``which="LA"`` and ``"SA"`` (never ``"LM"``, which finds the largest magnitudes), then one
    product for each vector: its residual is measured, not believed.

    Args:
        operator: Any symmetric operator; products in its own precision, everything else in float64.
        k: How many of the largest eigenvalues.
        bottom: How many of the smallest.
        rtol: ``converged`` says whether every measured residual is at most ``rtol`` times its eigenvalue's magnitude.
        max_matvecs: Products in all. Where they run out, what is returned is the best within the last 20 vectors or
            so that were multiplied.
        seed: Of the first vector, and of those that follow where a space is exhausted.

    Raises:
        UsageError: If a number is out of its range, or all n eigenvalues of one end are asked for.

    Cost:
        Usually twice what `lanczos` takes: 20 products before it looks at its residuals for the first time.

    Pitfalls:
        Repeated eigenvalues may be found less often than they are there.

    References:
        Lehoucq, Sorensen and Yang 1998, "ARPACK users' guide".
    """
    request = EigenRequest(operator.shape[0], k, bottom, rtol, max_matvecs)
    if max(k, bottom) >= request.n:
        raise UsageError(f"ARPACK finds at most n - 1 = {request.n - 1} eigenvalues of one end. Use lanczos.")

    def end(products: CountedProducts, largest: bool, count: int, rng: np.random.Generator) -> np.ndarray:
        which, more = "LA" if largest else "SA", {"rng": rng} if _TAKES_RNG else {}
        start = rng.normal(size=request.n)
        try:
            return np.asarray(scipy_eigsh(products, count, which=which, tol=_MARGIN * rtol, v0=start, **more)[1])
        except ArpackNoConvergence as error:
            raise ProductsSpent from error
        except ArpackError:
            # it cannot start where the operator sends everything to zero, where any vectors will do
            return np.linalg.qr(rng.normal(size=(request.n, count)))[0]

    return _both_ends(operator, request, end, "ARPACK", seed)


def lobpcg(
    operator: SymmetricOperator,
    k: int = 1,
    *,
    bottom: int = 0,
    rtol: float = 1e-3,
    max_matvecs: int = 1000,
    seed: int = 0,
) -> Eigenpairs:
    r"""Return the k largest and ``bottom`` smallest algebraic eigenvalues by LOBPCG, one end after the other.

    SciPy's ``lobpcg`` without a preconditioner, from random vectors, then one product for each vector: its residual
    is measured, not believed. LOBPCG's tolerance is absolute; it is set from the eigenvalues of a few iterations.

    Args:
        operator: Any symmetric operator; products in its own precision, everything else in float64.
        k: How many of the largest eigenvalues.
        bottom: How many of the smallest.
        rtol: ``converged`` says whether every measured residual is at most ``rtol`` times its eigenvalue's magnitude.
        max_matvecs: Products in all. Where they run out, what is returned is the best within the last 20 vectors or
            so that were multiplied.
        seed: Of the first vectors.

    Raises:
        UsageError: If a number is out of its range, or the products do not suffice for a dense matrix.

    Cost:
        k products an iteration, two to five times as many as `lanczos` in all; three blocks of vectors in memory.

    Pitfalls:
        Below n = 5k SciPy builds the dense matrix by n products instead.

    References:
        Knyazev 2001, "Toward the optimal preconditioned eigensolver".
    """
    request = EigenRequest(operator.shape[0], k, bottom, rtol, max_matvecs)

    if 5 * max(k, bottom) > request.n and max_matvecs < request.n + request.count:
        raise UsageError(
            f"Where n is below 5k, LOBPCG takes n products; that is {request.n}, and max_matvecs is {max_matvecs}. "
            f"Use lanczos."
        )

    def end(products: CountedProducts, largest: bool, count: int, rng: np.random.Generator) -> np.ndarray:
        vectors, tolerance = rng.normal(size=(request.n, count)), 0.0
        while True:
            with warnings.catch_warnings():
                # that it stopped before its tolerance is what the loop is for
                warnings.simplefilter("ignore")
                try:
                    values, vectors, *history = scipy_lobpcg(
                        products, vectors, largest=largest, tol=tolerance, maxiter=100 if tolerance else 5,
                        retResidualNormsHistory=True,
                    )  # fmt: skip
                except Exception as error:
                    # where it makes a dense matrix SciPy hides what a product raised behind a plain Exception
                    if type(error) is Exception and error.__context__ is not None:
                        raise error.__context__ from None
                    raise
            # no history comes with the values of a dense matrix
            if not history or (tolerance and np.max(history[0][-1]) <= tolerance):
                return np.asarray(vectors)
            rounding = rounding_of_products(operator.dtype, float(np.abs(values).max()))
            tolerance = _MARGIN * max(rtol * float(np.abs(values).min()), rounding)

    return _both_ends(operator, request, end, "LOBPCG", seed)


def _both_ends(operator: SymmetricOperator, request: EigenRequest, end: _End, name: str, seed: int) -> Eigenpairs:
    """Run a solver for each end within its budget, and measure what it found."""
    if request.max_matvecs < 2 * request.count:
        raise UsageError(
            f"{name} spends a product on the residual of each of {request.count} values. max_matvecs is "
            f"{request.max_matvecs}; give at least {2 * request.count}, better 20 more."
        )
    scaled = UnitScale(operator)
    products = CountedProducts(scaled, request.max_matvecs - request.count, keep=remembered(request))
    found, reason = [], f"{name} stopped short of rtol"
    for largest, count in ((True, request.k), (False, request.bottom)):
        rng = np.random.default_rng(derive_seed(seed, name, int(largest)))
        try:
            found.append(end(products, largest, count, rng) if count else products.best(largest, 0))
        except ProductsSpent:
            reason = f"max_matvecs ({request.max_matvecs}) reached"
            found.append(products.best(largest, count))
    return scaled.pairs(products.measured(np.concatenate(found, axis=1), request, reason, seed))
