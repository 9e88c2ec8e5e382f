"""The memory of one minimum's curvature, planned before the first product."""

from dataclasses import dataclass
from typing import Any

import torch

from landscape.errors import UsageError
from landscape.operators import SymmetricOperator
from landscape.solvers.basis_storage import BasisStorage
from landscape.solvers.eigen_request import EigenRequest
from landscape.solvers.memory_plan import MemoryPlan, Rows, make_way, plan_memory, rows_of_density, rows_of_search

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
    """What eigenvalues and density may take; None for what keeps no basis of ours.

    Attributes:
        operator: What computes products, and holds graphs.
        eigenvalues: Of a Lanczos method.
        density: Of the quadrature.
    """

    operator: SymmetricOperator
    eigenvalues: MemoryPlan | None
    density: MemoryPlan | None

    def for_eigenvalues(self) -> dict[str, Any]:
        """Make way for the basis of the eigenvalues; return what bounds it, as options of the solver."""
        if self.eigenvalues is None:
            return {}
        make_way(self.operator, self.eigenvalues)
        return {"max_basis": self.eigenvalues.max_basis, "storage": self.eigenvalues.storage}

    def for_density(self, steps: int) -> tuple[int, BasisStorage | None]:
        """Make way for the vectors of a probe; return how many steps it can have, and where they are kept."""
        if self.density is None:
            return steps, None
        make_way(self.operator, self.density)
        return self.density.steps(steps, self.operator.shape[0]), self.density.storage

    @property
    def device(self) -> str:
        """Where products are computed."""
        return str(self.operator.device)

    @property
    def parts(self) -> dict[str, MemoryPlan]:
        """The plans that there are, by what they are for."""
        plans = {"eigenvalues": self.eigenvalues, "density": self.density}
        return {name: plan for name, plan in plans.items() if plan is not None}

    def to_dict(self) -> dict[str, Any]:
        """Return the plans as plain JSON types."""
        return {name: plan.to_dict() for name, plan in self.parts.items()}


def planned_memory(
    operator: SymmetricOperator,
    request: EigenRequest | None,
    method: str,
    steps: int | None,
    *,
    memory: int | None,
    basis: str | None,
    basis_dtype: str | None,
) -> PlannedMemory:
    """Return the plans for the eigenvalues of a request, and for a density of so many steps.

    Args:
        operator: What computes products.
        request: Of the eigenvalues; None where none are asked for.
        method: Of the eigenvalues.
        steps: Of the density; None without one.
        memory: The budget; half of what is free when None.
        basis: ``"device"`` or ``"host"``; by what fits when None.
        basis_dtype: Of the stored vectors; the operator's when None.

    Raises:
        ProblemError: If the budget is too small; says the least that would do.
    """
    storage = None
    if basis or basis_dtype:
        place = torch.device("cpu") if basis == "host" else operator.device
        storage = BasisStorage(place, getattr(torch, basis_dtype) if basis_dtype else None)

    def plan(rows: Rows, kept: BasisStorage | None) -> MemoryPlan:
        return plan_memory(operator, rows, memory=memory, storage=kept)

    rows = None
    if request and method in OWN_BASIS:
        rows = rows_of_search(request, operator, 1 if method == "lanczos" else max(request.k, request.bottom))
    return PlannedMemory(
        operator=operator,
        eigenvalues=plan(rows, storage) if rows else None,
        density=plan(rows_of_density(operator.shape[0], steps), storage and storage.exact()) if steps else None,
    )
