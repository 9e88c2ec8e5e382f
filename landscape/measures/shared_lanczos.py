"""One Lanczos run for all measures that read eigenvalues."""

from typing import Literal

from landscape.errors import UsageError
from landscape.minimum import Minimum
from landscape.operators import SymmetricOperator
from landscape.solvers import Eigenpairs, SpectralDensity, lanczos, spectral_density
from landscape.solvers.krylov_run import KrylovRun

OperatorName = Literal["hessian", "gauss_newton"]

IN_WORDS = {"hessian": "the Hessian", "gauss_newton": "the Gauss-Newton matrix"}
_KEPT_BYTES = 2**29
_KEPT_ROWS = 256


def operator_of(minimum: Minimum, name: OperatorName) -> SymmetricOperator:
    """Return the Hessian or the Gauss-Newton matrix of a minimum."""
    return minimum.hessian if name == "hessian" else minimum.gauss_newton


def extreme_eigenpairs(
    minimum: Minimum,
    name: OperatorName = "hessian",
    *,
    k: int = 1,
    bottom: int = 0,
    rtol: float,
    max_matvecs: int,
    seed: int,
) -> tuple[Eigenpairs, int]:
    """Return eigenpairs, and the products that they cost beyond what other measures had done already.

    One run from one vector serves every measure, as long as its vectors fit into 512 MiB (some 500,000 parameters);
    for larger networks each measure has a run of its own, with restarts.
    """
    operator = operator_of(minimum, name)
    if not _fits(operator):
        pairs = lanczos(operator, k, bottom=bottom, rtol=rtol, max_matvecs=max_matvecs, seed=seed)
        return pairs, pairs.matvecs
    run = _run(minimum, name, seed)
    before = run.matvecs
    pairs = run.eigenpairs(k, bottom, rtol=rtol, max_matvecs=max_matvecs)
    # where the space ended early the products were not the run's
    return pairs, max(run.matvecs - before, 0 if pairs.matvecs <= run.matvecs else pairs.matvecs)


def shared_density(
    minimum: Minimum, name: OperatorName, *, num_probes: int, steps: int, rtol: float | None, seed: int
) -> tuple[SpectralDensity, int]:
    """Return the spectral density, whose first probe is the run of the eigenvalues, and the products of its own.

    Raises:
        UsageError: If there is no probe or step.
    """
    if num_probes < 1 or steps < 2:
        raise UsageError(f"num_probes must be at least 1 and steps at least 2; they are {num_probes} and {steps}.")
    operator = operator_of(minimum, name)
    spent = 0

    def compute() -> SpectralDensity:
        nonlocal spent
        first = None
        if _fits(operator):
            run = _run(minimum, name, seed)
            spent -= run.matvecs
            first = run.quadrature(min(steps, operator.shape[0]))
            spent += run.matvecs - first.matvecs
        return spectral_density(operator, num_probes=num_probes, steps=steps, rtol=rtol, seed=seed, first=first)

    key = (f"spectral density of {IN_WORDS[name]}", num_probes, steps, rtol, seed)
    density, fresh = minimum.shared(key, compute)
    return density, density.matvecs + spent if fresh else 0


def _run(minimum: Minimum, name: OperatorName, seed: int) -> KrylovRun:
    operator = operator_of(minimum, name)
    return minimum.shared((f"Lanczos run of {IN_WORDS[name]}", seed), lambda: KrylovRun(operator, seed)).value


def _fits(operator: SymmetricOperator) -> bool:
    """Return whether a run's vectors may stay in memory: by the size of the operator alone, so that all agree."""
    return operator.shape[0] * operator.dtype.itemsize * _KEPT_ROWS <= _KEPT_BYTES
