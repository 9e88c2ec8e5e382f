"""One Lanczos run for all measures that read eigenvalues."""

from collections.abc import Callable
from typing import Literal

import numpy as np

from landscape.minimum import Minimum
from landscape.operators import Scaled, SymmetricOperator
from landscape.solvers import Eigenpairs, SpectralDensity, spectral_density
from landscape.solvers.basis_storage import BasisStorage
from landscape.solvers.krylov_run import KrylovRun
from landscape.solvers.lanczos_quadrature import Quadrature
from landscape.solvers.memory_plan import make_way, plan_memory, rows_of_density
from landscape.solvers.planned_eigenpairs import planned_eigenpairs

OperatorName = Literal["hessian", "gauss_newton"]

IN_WORDS = {"hessian": "the Hessian", "gauss_newton": "the Gauss-Newton matrix", "adaptive_hessian": "|w| H |w|"}
_KEPT_BYTES = 2**29
_KEPT_ROWS = 256
_SHARES = 6
"""Runs and probes of three operators."""


def operator_of(minimum: Minimum, name: str) -> SymmetricOperator:
    """Return one of the operators of `IN_WORDS`."""
    if name == "gauss_newton":
        return minimum.gauss_newton
    return minimum.hessian if name == "hessian" else Scaled(minimum.hessian, minimum.theta)


def extreme_eigenpairs(
    minimum: Minimum,
    name: str = "hessian",
    *,
    k: int = 1,
    bottom: int = 0,
    rtol: float,
    max_matvecs: int,
    seed: int,
) -> tuple[Eigenpairs, int]:
    """Return eigenpairs, and the products that they cost beyond what other measures had done already.

    One run from one vector serves every measure, as long as its vectors fit into 512 MiB (some 500,000 parameters) and
    a sixth of the memory that is kept for that; for larger networks each measure has a run of its own, with restarts
    where the memory wants them.
    """
    operator = operator_of(minimum, name)
    if not _fits(minimum, operator):
        pairs = planned_eigenpairs(operator, k=k, bottom=bottom, rtol=rtol, max_matvecs=max_matvecs, seed=seed)
        return pairs, pairs.matvecs
    run = _run(minimum, name, seed)
    before = run.matvecs
    pairs = run.eigenpairs(k, bottom, rtol=rtol, max_matvecs=max_matvecs)
    # where the space ended early the products were not the run's
    return pairs, max(run.matvecs - before, 0 if pairs.matvecs <= run.matvecs else pairs.matvecs)


def shared_density(
    minimum: Minimum,
    name: str,
    *,
    num_probes: int,
    steps: int,
    rtol: float | None,
    seed: int,
    function: Callable[[np.ndarray], np.ndarray] | None = None,
) -> tuple[SpectralDensity, int]:
    """Return the spectral density, whose first probe is the run of the eigenvalues, and the products of its own.

    Args:
        minimum: Whose.
        name: Of which operator.
        num_probes: Random vectors, at most.
        steps: Products for each.
        rtol: Tolerance of the mean of the function over eigenvalues; None takes all probes.
        seed: Of the random vectors.
        function: Of which mean; the eigenvalue itself when None. It must compare equal to one that does the same.
    """
    operator, kept = operator_of(minimum, name), 0

    def compute() -> SpectralDensity:
        nonlocal kept
        first, held, storage = None, steps, None
        if not _fits(minimum, operator):
            held, storage = _planned_steps(operator, steps)
        elif steps > 1:
            _, first, own = shared_quadrature(minimum, name, steps, seed)
            kept = first.matvecs - own
        found = spectral_density(
            operator, num_probes=num_probes, steps=held, rtol=rtol, seed=seed, first=first, function=function,
            storage=storage,
        )  # fmt: skip
        return found.of_fewer_steps(steps)

    key = (f"spectral density of {IN_WORDS[name]}", num_probes, steps, rtol, seed, function)
    density, fresh = minimum.shared(key, compute)
    return density, density.matvecs - kept if fresh else 0


def shared_quadrature(minimum: Minimum, name: str, steps: int, seed: int) -> tuple[Quadrature, Quadrature, int]:
    """Return the quadratures of the run after three quarters of the steps and after all, and its own products."""
    operator = operator_of(minimum, name)
    if _fits(minimum, operator):
        run = _run(minimum, name, seed)
    else:
        steps, storage = _planned_steps(operator, steps)
        run = KrylovRun(operator, seed, storage)
    before = run.matvecs
    fine = run.quadrature(min(steps, run.operator.shape[0]))
    return run.quadrature(max(1, 3 * fine.matvecs // 4)), fine, run.matvecs - before


def _planned_steps(operator: SymmetricOperator, steps: int) -> tuple[int, BasisStorage]:
    """Make way for the vectors of a quadrature; return how many of the steps it can have, and where they are kept."""
    plan = plan_memory(operator, rows_of_density(operator.shape[0], steps))
    make_way(operator, plan)
    return plan.steps(steps, operator.shape[0]), plan.storage


def most_kept(minimum: Minimum) -> int:
    """Return how many bytes may be kept for other measures: of each operator's run, and of its random probes."""
    ranks, most = minimum.problem.ranks, minimum.hessian.batches.kept // _SHARES
    if ranks.count > 1:
        # all processes must agree
        most = int(ranks.gather([most])[:, 0].min())
    return min(_KEPT_BYTES, most)


def _run(minimum: Minimum, name: str, seed: int) -> KrylovRun:
    operator = operator_of(minimum, name)
    return minimum.shared((f"Lanczos run of {IN_WORDS[name]}", seed), lambda: KrylovRun(operator, seed)).value


def _fits(minimum: Minimum, operator: SymmetricOperator) -> bool:
    """Return whether a run's vectors may stay in memory."""
    return _bytes_of_run(operator) <= most_kept(minimum)


def _bytes_of_run(operator: SymmetricOperator) -> int:
    return operator.shape[0] * operator.dtype.itemsize * _KEPT_ROWS
