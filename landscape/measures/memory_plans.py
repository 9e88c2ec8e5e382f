"""What measures will keep in memory, known before the first product."""

import contextlib
import inspect
from collections.abc import Iterable, Mapping
from typing import Any

from landscape.errors import ProblemError
from landscape.measures.measure import parsed_options, registered
from landscape.minimum import Minimum
from landscape.solvers.eigen_request import EigenRequest
from landscape.solvers.hessian_trace import rows_of_hessian_trace
from landscape.solvers.memory_plan import MemoryPlan, Rows, plan_memory, rows_of_density, rows_of_search, rows_of_sketch


def memory_plans(
    minimum: Minimum, names: Iterable[str], options: Mapping[str, Mapping[str, Any]] | None = None
) -> dict[str, MemoryPlan]:
    """Return what the measures of these names take at most, by what it is for.

    Each measure plans its own when its turn comes, within the same bounds. What there is no memory for is left out: its
    measures refuse it themselves, or go on with less.

    Args:
        minimum: What is to be measured.
        names: Of registered measures.
        options: Of a measure by its name.

    Cost:
        The linearisation of one batch.
    """
    plans: dict[str, MemoryPlan] = {}
    for kind, rows in _wanted(minimum, names, options).items():
        with contextlib.suppress(ProblemError):
            plans[kind] = plan_memory(minimum.hessian, rows)
    return plans


def _wanted(minimum: Minimum, names: Iterable[str], options: Mapping[str, Mapping[str, Any]] | None) -> dict[str, Rows]:
    """Return of each kind of memory the most that a measure wants of it."""
    wanted: dict[str, Rows] = {}
    for name in names:
        kind = registered(name).keeps
        takes = inspect.signature(registered(name).compute).parameters
        own = {key: each.default for key, each in takes.items()} | parsed_options(name, options)
        rows = _rows(kind, minimum, own) if kind else None
        if rows and (kind not in wanted or rows.most > wanted[kind].most):
            wanted[kind] = rows
    return wanted


def _rows(kind: str, minimum: Minimum, own: Mapping[str, Any]) -> Rows | None:
    """Return what a measure of a kind wants to keep, by its own options; None where it keeps little."""
    H = minimum.hessian
    n = H.shape[0]
    if kind == "density":
        return rows_of_density(n, own["steps"])
    if kind == "trace":
        return rows_of_hessian_trace(H, own["method"], own["rtol"], own["max_matvecs"])
    if kind == "sketch":
        return rows_of_sketch(n, own["max_matvecs"] // 2)
    # one that is made of eigenvalues and more has no budget of its own for them
    return rows_of_search(EigenRequest(n, 1, min(1, n - 1), 1e-3, own.get("max_matvecs", 200)), H)
