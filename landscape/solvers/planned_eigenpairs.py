"""Eigenpairs with as much of a basis as the memory of an operator's graphs leaves room for."""

from landscape.operators.symmetric_operator import SymmetricOperator
from landscape.solvers.eigen_request import EigenRequest
from landscape.solvers.eigenpairs import Eigenpairs
from landscape.solvers.lanczos import lanczos
from landscape.solvers.memory_plan import make_way, plan_memory, rows_of_search


def planned_eigenpairs(
    operator: SymmetricOperator, *, k: int = 1, bottom: int = 0, rtol: float, max_matvecs: int, seed: int
) -> Eigenpairs:
    """Return eigenpairs by `lanczos`, with as many vectors as the memory of the operator's graphs leaves room for."""
    rows = rows_of_search(EigenRequest(operator.shape[0], k, bottom, rtol, max_matvecs), operator)
    plan = plan_memory(operator, rows)
    make_way(operator, plan)
    return lanczos(
        operator, k, bottom=bottom, rtol=rtol, max_matvecs=max_matvecs, max_basis=plan.max_basis,
        storage=plan.storage, seed=seed,
    )  # fmt: skip
