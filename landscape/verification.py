r"""Whether the products are right for this very model: a shrunken copy of the problem against its dense Hessian."""

import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor

from landscape.errors import ProblemError
from landscape.operators import Hessian
from landscape.operators.combinations import Restricted
from landscape.operators.require_problem import require_problem
from landscape.problem import Problem
from landscape.randomness import derive_seed
from landscape.solvers import hutchinson, lanczos
from landscape.solvers.hessian_trace import hessian_diagonal
from landscape.solvers.multiplied_out import multiply_out

WHOLE = 3000
"""Parameters up to which all of them are compared."""

_COORDINATES = 500
_MULTIPLIED_OUT = 700
_LARGE = 1_000_000
_VECTORS = 3


@dataclass(frozen=True)
class Comparison:
    """One number by the engine and from the dense matrix.

    Attributes:
        what: Which number.
        engine: As `Hessian` and the solvers give it, in the precision of the problem.
        dense: From the dense float64 matrix.
        difference: Between the two: over the size of the dense one.
        allowed: Largest difference that rounding and the engine's own error explain.
    """

    what: str
    engine: float
    dense: float
    difference: float
    allowed: float

    @property
    def agrees(self) -> bool:
        """Whether the difference is within what is allowed."""
        return self.difference <= self.allowed


@dataclass(frozen=True)
class Verification:
    """A comparison of the engine with the dense Hessian of a shrunken copy of a problem.

    Attributes:
        comparisons: Products, top eigenvalue, trace, and the exact diagonal where the network has one.
        examples: How many examples of the problem were taken.
        coordinates: How many parameters' rows and columns were compared.
        parameters: How many there are.
        dtype: The engine's precision.
    """

    comparisons: tuple[Comparison, ...]
    examples: int
    coordinates: int
    parameters: int
    dtype: str

    @property
    def agrees(self) -> bool:
        """Whether everything agrees."""
        return all(each.agrees for each in self.comparisons)

    @property
    def verdict(self) -> str:
        """What came out, in a sentence."""
        size = f"{self.examples} examples, {self.coordinates:,} of {self.parameters:,} parameters, {self.dtype}"
        if self.agrees:
            return f"The engine agrees with the dense float64 Hessian ({size})."
        wrong = ", ".join(each.what for each in self.comparisons if not each.agrees)
        return (
            f"The engine differs from the dense float64 Hessian in {wrong} ({size}). Measure in float64 "
            f"(--dtype float64); if that differs too, the numbers of this model are not to be trusted."
        )

    def to_dict(self) -> dict[str, Any]:
        """Return everything as plain JSON types."""
        rows = [{**asdict(each), "agrees": each.agrees} for each in self.comparisons]
        return {**asdict(self), "comparisons": rows, "agrees": self.agrees, "verdict": self.verdict}

    def __repr__(self) -> str:
        """Return a line a comparison, and the verdict."""
        lines = [
            f"{each.what:<16} {each.engine:<12.6g} dense {each.dense:<12.6g} off by {each.difference:.1e}"
            for each in self.comparisons
        ]
        return "\n".join([*lines, self.verdict])


def verify(
    problem: Problem,
    theta: Tensor | None = None,
    *,
    seed: int = 0,
    memory: int | None = None,
    on_progress: Callable[[int, int], None] | None = None,
) -> Verification:
    r"""Return how the engine's numbers compare with a dense float64 Hessian of a shrunken copy of the problem.

    A few examples are drawn (64; 16 from 3,000 parameters on, 4 from a million on) and, from 3,000 parameters on,
    some 500 coordinates over all layers (200 from a million on). The rows of the Hessian in these coordinates are
    computed in float64 one by one, by plain double backward through the loss of the user's model, with nothing of
    what makes products fast; their products with random vectors, top eigenvalue and trace are compared with those
    that `Hessian` and the solvers give in the problem's own precision.

    Args:
        problem: The problem; its model comes back as it was.
        theta: The point, shape ``(n,)``; the model's own parameters by default.
        seed: Of the examples, coordinates and vectors.
        memory: Bytes for the graphs that the engine holds of the few examples; half of what is free when None.
        on_progress: Told how many rows are done, and how many there are.

    Cost:
        A forward pass, a backward pass through it, and one more a coordinate, on the few examples.

    Memory:
        Beside ``memory``: the graph of these examples in float64, and some 13 vectors of length n in float64.

    Example:
        >>> import torch
        >>> x, y = torch.randn(20, 3), torch.randint(2, (20,))
        >>> verify(Problem(torch.nn.Linear(3, 2), "cross_entropy", (x, y))).agrees
        True
    """
    require_problem(problem, "verify")
    theta = (problem.theta if theta is None else theta).detach()
    small = _shrunken(problem, seed)
    chosen = _coordinates(problem, seed).to(theta.device)
    dense = _dense(small, theta, chosen, on_progress)
    hessian = Hessian(small, theta, memory=memory)
    engine = Restricted(hessian, chosen)
    rounding = 1e-3 if problem.dtype == torch.float32 else 1e-7
    found = (*_products(engine, dense, rounding, seed), _top(engine, dense, rounding, seed))
    comparisons = (*found, _trace(engine, dense, rounding, seed), *_diagonal(hessian, chosen, dense, rounding, seed))
    dtype = str(problem.dtype).removeprefix("torch.")
    return Verification(comparisons, small.num_examples, len(chosen), problem.num_parameters, dtype)


def _shrunken(problem: Problem, seed: int) -> Problem:
    n = problem.num_parameters
    count = 4 if n >= _LARGE else 16 if n > WHOLE else 64
    try:
        few = problem.subset(min(count, problem.num_examples), seed)
    except ProblemError:  # batches that cannot be taken apart
        return problem.with_data([next(problem.batches())[0]])
    # held in memory, so that the engine and the dense matrix see the same bits
    return few.with_data([batch for batch, _ in few.batches()])


def _coordinates(problem: Problem, seed: int) -> Tensor:
    """Return which coordinates are compared, ascending: all of a small network, else some of each tensor."""
    n = problem.num_parameters
    if n <= WHOLE:
        return torch.arange(n)
    generator = torch.Generator().manual_seed(derive_seed(seed, "verified coordinates"))
    most = _COORDINATES if n < _LARGE else _COORDINATES * 2 // 5
    share = math.ceil(most / len(problem.sizes))
    starts = torch.tensor([0, *problem.sizes]).cumsum(0).tolist()
    drawn = [
        start + torch.randperm(size, generator=generator)[:share]
        for start, size in zip(starts, problem.sizes, strict=False)
    ]
    return torch.cat(drawn).sort().values


def _dense(problem: Problem, theta: Tensor, chosen: Tensor, on_progress: Callable[[int, int], None] | None) -> Tensor:
    """Return the rows and columns of the Hessian in some coordinates, float64, row by row by double backward."""
    every = [batch for batch, _ in problem.batches()]
    exact = problem.with_data(every, dtype=torch.float64)
    matrix = problem.weight_decay * torch.eye(len(chosen), dtype=torch.float64, device=theta.device)
    leaves = [each.double().clone().requires_grad_() for each in problem.unflatten(theta)]
    places = _places(problem, chosen)
    for batch, share in exact.batches():
        loss = exact.batch_loss(leaves, batch)
        g = torch.autograd.grad(loss, leaves, create_graph=True, materialize_grads=True)
        flat = _picked(g, places)
        del g
        if not flat.requires_grad:
            continue
        for row in range(len(chosen)):
            rows = torch.autograd.grad(flat[row], leaves, retain_graph=True, materialize_grads=True)
            matrix[row] += share * _picked(rows, places)
            del rows
            if on_progress is not None:
                on_progress(row + 1, len(chosen))
    return matrix


def _places(problem: Problem, chosen: Tensor) -> tuple[Tensor, ...]:
    """Return the chosen coordinates, which ascend, as indices within each tensor of parameters."""
    ends = torch.tensor(problem.sizes, device=chosen.device).cumsum(0)
    counts = torch.searchsorted(chosen, ends).diff(prepend=ends.new_zeros(1)).tolist()
    starts = [0, *ends.tolist()]
    return tuple(each - start for each, start in zip(torch.split(chosen, counts), starts, strict=False))


def _picked(tensors: Sequence[Tensor], places: tuple[Tensor, ...]) -> Tensor:
    """Return the elements at the places within each tensor: their concatenation would be a vector more."""
    return torch.cat([each.reshape(-1)[place] for each, place in zip(tensors, places, strict=True)])


def _products(engine: Restricted, dense: Tensor, rounding: float, seed: int) -> tuple[Comparison, ...]:
    generator = torch.Generator().manual_seed(derive_seed(seed, "verified products"))
    V = torch.randn(len(dense), _VECTORS, generator=generator).to(dense.device, engine.dtype)
    ours, exact = (engine @ V).double(), dense @ V.double()
    size = float(exact.norm())
    off = float((ours - exact).norm())
    return (Comparison("products", float(ours.norm()), size, _over(off, size), rounding),)


def _top(engine: Restricted, dense: Tensor, rounding: float, seed: int) -> Comparison:
    pairs = lanczos(engine, rtol=1e-4, max_matvecs=max(200, min(len(dense), 1000)), seed=seed)
    ours, exact = float(pairs.values[0]), float(torch.linalg.eigvalsh(dense)[-1])
    scale = float(torch.linalg.matrix_norm(dense, 2))
    return Comparison(
        "top eigenvalue",
        ours,
        exact,
        _over(abs(ours - exact), scale),
        rounding + _over(float(pairs.residuals[0]), scale),
    )


def _trace(engine: Restricted, dense: Tensor, rounding: float, seed: int) -> Comparison:
    """Return the trace by all products with unit vectors where they are few, else by random probes."""
    exact, scale = float(dense.diag().sum()), float(dense.diag().abs().sum())
    if len(dense) <= _MULTIPLIED_OUT:
        value, error = float(multiply_out(engine).diag().sum()), 0.0
    else:
        estimate = hutchinson(engine, rtol=0.02, max_matvecs=200, seed=seed)
        value, error = estimate.value, estimate.error
    off = _over(abs(value - exact), scale)
    return Comparison("trace", value, exact, off, rounding + 4 * _over(error, scale))


def _diagonal(hessian: Hessian, chosen: Tensor, dense: Tensor, rounding: float, seed: int) -> tuple[Comparison, ...]:
    """Return the sum of the diagonal that backward passes give, where the network is piecewise linear."""
    try:
        diagonal = hessian_diagonal(hessian, seed=seed)[chosen].to(dense.device)
    except ProblemError:
        return ()
    size, off = float(dense.diag().norm()), float((diagonal - dense.diag()).norm())
    return (Comparison("exact diagonal", float(diagonal.norm()), size, _over(off, size), rounding),)


def _over(part: float, whole: float) -> float:
    """Return a relative size; 0 of nothing, and of a matrix of zeros the part itself."""
    return part / whole if whole else part
