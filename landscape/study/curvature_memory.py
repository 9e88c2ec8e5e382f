"""The memory of one minimum's curvature, planned before the first product."""

from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import torch

from landscape.errors import UsageError
from landscape.operators import SymmetricOperator
from landscape.solvers.basis_storage import BasisStorage
from landscape.solvers.eigen_request import EigenRequest
from landscape.solvers.memory_plan import (
    MemoryPlan,
    NoRoomError,
    Rows,
    make_way,
    plan_memory,
    rows_of_density,
    rows_of_search,
)
from landscape.solvers.scipy_memory import HOST_FLOAT64, SCIPY_VECTORS, rows_of_scipy

OWN_BASIS = ("lanczos", "block_lanczos")
"""Methods whose basis is ours to keep elsewhere."""


def check_basis(basis: str | None, basis_dtype: str | None, eigenvalues: str | None, density: bool) -> None:
    """Refuse a place or a precision for a basis that there is not.

    Args:
        basis: The place that was asked for.
        basis_dtype: The precision that was asked for.
        eigenvalues: By which method; None where none are asked for.
        density: Whether a density is asked for: its vectors keep the precision of products.

    Raises:
        UsageError: If nothing of what is asked for keeps such a basis.
    """
    own = eigenvalues in OWN_BASIS
    if basis_dtype and not own:
        raise UsageError(
            f"--basis-dtype {basis_dtype} is for eigenvalues by {' or '.join(OWN_BASIS)}; nothing here keeps one."
        )
    if basis and not (own or density):
        raise UsageError(f"--basis {basis} is for {', '.join(OWN_BASIS)} and the density; nothing here keeps a basis.")


@dataclass(frozen=True)
class PlannedMemory:
    """What eigenvalues, density and trace may take; None for what keeps few vectors.

    Attributes:
        operator: What computes products, and holds graphs.
        method: Of the eigenvalues.
        eigenvalues: Of its basis.
        density: Of the quadrature.
        trace: Of a sketch.
        sketch: What that wants.
    """

    operator: SymmetricOperator
    method: str
    eigenvalues: MemoryPlan | None
    density: MemoryPlan | None
    trace: MemoryPlan | None
    sketch: Rows | None

    def for_eigenvalues(self) -> dict[str, Any]:
        """Make way for the basis of the eigenvalues; return what bounds it, as options of the solver."""
        if self.eigenvalues is None:
            return {}
        make_way(self.operator, self.eigenvalues)
        if self.method not in OWN_BASIS:
            return {}
        return {"max_basis": self.eigenvalues.max_basis, "storage": self.eigenvalues.storage}

    def for_density(self, steps: int) -> tuple[int, BasisStorage | None]:
        """Make way for the vectors of a probe; return how many steps it can have, and where they are kept."""
        if self.density is None:
            return steps, None
        make_way(self.operator, self.density)
        return self.density.steps(steps, self.operator.shape[0]), self.density.storage

    def for_trace(self) -> dict[str, Any]:
        """Make way for the sketch of a trace; return what bounds it, as options of the estimator."""
        if self.trace is None or self.sketch is None:
            return {}
        make_way(self.operator, self.trace)
        return {"max_vectors": self.trace.test_vectors(self.sketch)}

    @property
    def device(self) -> str:
        """Where products are computed."""
        return str(self.operator.device)

    @property
    def parts(self) -> dict[str, MemoryPlan]:
        """The plans that there are, by what they are for."""
        plans = {"eigenvalues": self.eigenvalues, "density": self.density, "trace": self.trace}
        return {name: plan for name, plan in plans.items() if plan is not None}

    def to_dict(self) -> dict[str, Any]:
        """Return the plans as plain JSON types."""
        return {name: plan.to_dict() for name, plan in self.parts.items()}


def planned_memory(
    operator: SymmetricOperator,
    request: EigenRequest | None,
    method: str,
    steps: int | None,
    sketch: Rows | None,
    *,
    sketch_is_optional: bool,
    memory: int | None,
    basis: str | None,
    basis_dtype: str | None,
) -> PlannedMemory:
    """Return the plans for the eigenvalues of a request, for a density of so many steps, and for a trace.

    Args:
        operator: What computes products.
        request: Of the eigenvalues; None where none are asked for.
        method: Of the eigenvalues.
        steps: Of the density; None without one.
        sketch: What a trace wants to keep; None where it keeps few vectors.
        sketch_is_optional: Whether the trace can do without.
        memory: The budget; half of what is free when None.
        basis: ``"device"`` or ``"host"``; by what fits when None.
        basis_dtype: Of the stored vectors; the operator's when None.

    Raises:
        ProblemError: If the budget is too small; says the least that would do.
    """
    place = torch.device("cpu") if basis == "host" else operator.device
    kept = BasisStorage(place, getattr(torch, basis_dtype) if basis_dtype else None) if basis or basis_dtype else None

    def plan(rows: Rows | None, storage: BasisStorage | None = None) -> MemoryPlan | None:
        return plan_memory(operator, rows, memory=memory, storage=storage) if rows else None

    if request and method in SCIPY_VECTORS:
        eigenvalues = plan(rows_of_scipy(request, method), HOST_FLOAT64)
    elif request and method in OWN_BASIS:
        block = 1 if method == "lanczos" else max(request.k, request.bottom)
        eigenvalues = plan(rows_of_search(request, operator, block), kept)
    else:
        eigenvalues = None
    density = rows_of_density(operator.shape[0], steps) if steps else None
    trace = None
    with suppress(*(NoRoomError,) if sketch_is_optional else ()):
        trace = plan(sketch)
    return PlannedMemory(
        operator=operator,
        method=method,
        eigenvalues=eigenvalues,
        density=plan(density, kept and kept.exact()),
        trace=trace,
        sketch=sketch,
    )
