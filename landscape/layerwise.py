r"""Curvature of each layer on its own: the blocks of the Hessian on the diagonal."""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

from torch import Tensor

from landscape.errors import ProblemError
from landscape.minimum import Minimum
from landscape.operators.combinations import restrict
from landscape.problem import Problem
from landscape.solvers import hutchinson
from landscape.solvers.hessian_trace import hessian_diagonal
from landscape.solvers.memory_plan import leave_vectors
from landscape.solvers.planned_eigenpairs import planned_eigenpairs

_ROUNDING = 1e-5


@dataclass(frozen=True)
class Layer:
    """The block of the Hessian that belongs to one layer.

    Attributes:
        name: The module's, as `named_modules` has it; the parameter's own where it lies in the model itself.
        parameters: How many it has.
        top_eigenvalue: The largest algebraic eigenvalue of the block: at most that of the whole Hessian.
        top_eigenvalue_error: Its residual: the block has an eigenvalue within it.
        trace: The block's; those of all layers add up to the Hessian's.
        trace_error: Rounding where it is exact, else a standard error.
        trace_kind: ``"rounding"`` or ``"standard error"``.
        matvecs: Products with the whole Hessian.
        top_eigenvalue_converged: Whether the residual is within its tolerance.
        trace_converged: Whether the trace's error is.
    """

    name: str
    parameters: int
    top_eigenvalue: float
    top_eigenvalue_error: float
    trace: float
    trace_error: float
    trace_kind: str
    matvecs: int
    top_eigenvalue_converged: bool
    trace_converged: bool

    @property
    def converged(self) -> bool:
        """Whether both are within the tolerances."""
        return self.top_eigenvalue_converged and self.trace_converged

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as plain JSON types."""
        return asdict(self)


def layerwise(
    minimum: Minimum,
    *,
    rtol: float = 1e-3,
    trace_rtol: float = 0.05,
    max_matvecs: int = 200,
    seed: int = 0,
    on_progress: Callable[[int, int, str], None] | None = None,
) -> list[Layer]:
    r"""Return top eigenvalue and trace of the diagonal block $H_{ll}$ of each layer l.

    Args:
        minimum: Where.
        rtol: Residual of an eigenvalue, over its size.
        trace_rtol: Standard error of a trace, over its size, where it is not exact.
        max_matvecs: Most products a layer for each of the two.
        seed: Of start vectors and probes.
        on_progress: Told before each layer how many are done, how many there are, and its name.

    Cost:
        Some 10 products a layer, and on networks that are not piecewise linear 16 and more for its trace; elsewhere
        the exact diagonal, one backward pass an output, serves all layers.

    Memory:
        That of the minimum: graphs, and of one layer at a time the vectors of its basis, restarted where they are many.

    Raises:
        ProblemError: If the memory is too small; says the least that would do.

    Invariances:
        As the whole Hessian's: none under rescaling of layers, of all measures these feel it most.
    """
    groups = layers_of(minimum.problem)
    diagonal = _exact_diagonal(minimum, seed)
    rows: list[Layer] = []
    for name, members in groups.items():
        if on_progress is not None:
            on_progress(len(rows), len(groups), name)
        block = restrict(minimum.hessian, minimum.problem, *members)
        pairs = planned_eigenpairs(block, rtol=rtol, max_matvecs=max_matvecs, seed=seed)
        if diagonal is not None:
            entries = diagonal[block.coordinates.to(diagonal.device)]
            value, error, kind = float(entries.sum()), _ROUNDING * float(entries.abs().sum()), "rounding"
            products, good = 0, True
        else:
            leave_vectors(minimum.hessian)
            estimate = hutchinson(block, rtol=trace_rtol, max_matvecs=max(max_matvecs, 16), seed=seed)
            value, error, kind = estimate.value, estimate.error, "standard error"
            products, good = estimate.matvecs, estimate.converged
        rows.append(
            Layer(
                name=name,
                parameters=block.shape[0],
                top_eigenvalue=float(pairs.values[0]),
                top_eigenvalue_error=float(pairs.residuals[0]),
                trace=value,
                trace_error=error,
                trace_kind=kind,
                matvecs=pairs.matvecs + products,
                top_eigenvalue_converged=pairs.converged,
                trace_converged=good,
            )
        )
    return rows


def layers_of(problem: Problem) -> dict[str, list[str]]:
    """Return the names of the parameters of each layer: of each module that has some of its own."""
    groups: dict[str, list[str]] = {}
    for name in problem.parameter_names:
        groups.setdefault(name.rpartition(".")[0] or name, []).append(name)
    return groups


def _exact_diagonal(minimum: Minimum, seed: int) -> Tensor | None:
    try:
        return hessian_diagonal(minimum.hessian, seed=seed)
    except ProblemError:  # not piecewise linear, or no criterion: probes serve
        return None
