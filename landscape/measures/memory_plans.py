"""What measures will keep in memory, known before the first product."""

from collections.abc import Iterable

from landscape.measures.measure import registered
from landscape.minimum import Minimum
from landscape.solvers.eigen_request import EigenRequest
from landscape.solvers.memory_plan import (
    MemoryPlan,
    Rows,
    plan_memory,
    rows_of_density,
    rows_of_search,
    rows_of_sketch,
)

_STEPS = 80
_TEST_VECTORS = 200


def memory_plans(minimum: Minimum, names: Iterable[str]) -> dict[str, MemoryPlan]:
    """Return what the measures of these names take at most, by what it is for.

    Each measure plans its own, of its own options, when its turn comes, within the same bounds.

    Args:
        minimum: What is to be measured.
        names: Of registered measures, with their default options.

    Raises:
        ProblemError: If the memory is too small; says the least that would do.

    Cost:
        The linearisation of one batch.
    """
    kinds = dict.fromkeys(registered(name).keeps for name in names)
    return {kind: plan_memory(minimum.hessian, _rows(kind, minimum)) for kind in kinds if kind}


def _rows(kind: str, minimum: Minimum) -> Rows:
    n = minimum.problem.num_parameters
    if kind == "eigenvalues":
        return rows_of_search(EigenRequest(n, 1, min(1, n - 1), 1e-3, 200), minimum.hessian)
    return rows_of_density(n, _STEPS) if kind == "density" else rows_of_sketch(n, _TEST_VECTORS)
