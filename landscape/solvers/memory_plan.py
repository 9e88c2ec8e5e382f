"""What eigenvalues, a density or a sketch will take of the memory, known before the first product."""

from dataclasses import asdict, dataclass
from typing import Any

import torch

from landscape.errors import ProblemError
from landscape.memory import available_memory
from landscape.operators.held_batches import HeldBatches, default_memory, megabytes
from landscape.operators.symmetric_operator import SymmetricOperator
from landscape.parts import Parts
from landscape.solvers.basis_storage import BasisStorage
from landscape.solvers.eigen_request import EigenRequest
from landscape.solvers.sketch import KEPT_ROWS
from landscape.solvers.subspace_search import default_rows, kept_exactly, least_rows

WORKING_VECTORS = 10
"""Vectors beside the basis at the height of a product and its orthogonalisation, in the operator's precision."""


class NoRoomError(ProblemError):
    """A budget that is too small, in every process alike."""


@dataclass(frozen=True)
class Rows:
    """What a basis is for: vectors wanted, needed and returned.

    Attributes:
        fewer: What would make it smaller, in words.
        least: How many it cannot do without.
        enough: With how many little is lost; more are taken where graphs leave room.
        most: More are of no use.
        returned: Vectors that come back, or are at hand in full precision: of a block its columns and products.
        exact: How many stay exact where storage rounds.
        corrected: How many are multiplied again there, and wait for it in full precision.
        whole: Whether every process keeps vectors whole, where others deal them out.
    """

    fewer: str
    least: int
    enough: int
    most: int
    returned: int
    exact: int = 0
    corrected: int = 0
    whole: bool = False


@dataclass(frozen=True)
class MemoryPlan:
    """Bytes, by what they are for; ``memory`` bounds all of them that lie on the operator's device.

    Attributes:
        memory: The budget.
        parameters: The copy of the parameters that products are taken at.
        product: Vectors at work in a product and its orthogonalisation, and the vectors that are returned.
        batch: The graph of one batch; 0 where none is held.
        graphs: The graphs of all batches.
        held: What graphs may take, the batch in hand included.
        basis: The vectors of the basis.
        max_basis: How many of them before a restart (of a density: before its steps end).
        least_basis: How many the search cannot do without.
        basis_device: Where they are.
        basis_dtype: In which precision.
    """

    memory: int
    parameters: int
    product: int
    batch: int
    graphs: int
    held: int
    basis: int
    max_basis: int
    least_basis: int
    basis_device: str
    basis_dtype: str

    @property
    def storage(self) -> BasisStorage:
        """The basis' storage, as solvers take it."""
        return BasisStorage(torch.device(self.basis_device), getattr(torch, self.basis_dtype))

    def steps(self, wanted: int, n: int) -> int:
        """Return how many of the steps of a density of an operator of size n there are vectors for."""
        return wanted if self.max_basis >= min(wanted, n) else self.max_basis

    def test_vectors(self, rows: Rows) -> int:
        """Return how many test vectors of a sketch there are vectors for."""
        return self.max_basis // (rows.least // 2)

    def to_dict(self) -> dict[str, Any]:
        """Return all of it as plain JSON types."""
        return asdict(self)


def rows_of_search(request: EigenRequest, operator: SymmetricOperator, block: int = 1) -> Rows:
    """Return what `lanczos` wants for k and ``bottom`` eigenvalues of an operator."""
    least = least_rows(request, block, block)
    most = min(request.n, default_rows(request, _elements(operator) * operator.dtype.itemsize, least))
    returned = request.count + 2 * block - 1
    return Rows(
        "fewer eigenvalues", least, min(most, 2 * least + 32), most, returned, kept_exactly(request), request.count
    )


def rows_of_density(n: int, steps: int) -> Rows:
    """Return what `spectral_density` wants: a vector a step, and those of the eigenvalues that it resolves, twice.

    Of 80 steps on networks of 1e5 to 1e6 parameters, 16 to 24 were resolved.
    """
    most = min(steps, n)
    return Rows("fewer --density-steps", min(most, 10), most, most, 2 * max(1, 3 * most // 10), whole=True)


def rows_of_sketch(n: int, vectors: int, each: int = KEPT_ROWS) -> Rows:
    """Return what an estimator wants whose sketch keeps test vectors, and so many vectors of length n for each."""
    most = each * max(2, min(vectors, n))
    return Rows("fewer parameters (--parameters)", 2 * each, most, most, 10, whole=True)


def planned_sketch(operator: SymmetricOperator, rows: Rows) -> int:
    """Return how many of the test vectors of `rows_of_sketch` there is memory for, and make way for them.

    Raises:
        ProblemError: If there is none for two.
    """
    plan = plan_memory(operator, rows)
    make_way(operator, plan)
    return plan.test_vectors(rows)


def plan_memory(
    operator: SymmetricOperator, rows: Rows, *, memory: int | None = None, storage: BasisStorage | None = None
) -> MemoryPlan:
    """Return what products and a basis will take.

    Products need one batch at least; then the basis gets what it needs, graphs the rest, and the basis what graphs
    leave. On a GPU whose memory does not hold the basis it goes to the host's, where that does.

    Args:
        operator: A `Hessian` or other operator of a problem, or one around it; any other takes vectors only.
        rows: What the basis is for.
        memory: The budget; that of the operator's held graphs when None, which is half of what is free by default.
        storage: Where and how to keep the basis; chosen when None, never in a lower precision.

    Raises:
        NoRoomError: If the budget is too small; says the least that would do.

    Cost:
        The linearisation of one batch.
    """
    holder = _holder_of(operator)
    batches: HeldBatches | None = holder and holder.batches
    budget = memory or (batches.memory - batches.kept if batches else default_memory(operator.device))
    if holder:
        holder.look()
    sizes = _Sizes(operator, rows, batches, budget)
    chosen = storage or sizes.choose()
    found = sizes.rows_in(chosen)
    if batches:
        ranks = batches.problem.ranks
        # every process must restart at the same product
        found = int(ranks.gather([found])[:, 0].min())
    if found < rows.least:
        raise NoRoomError(sizes.refusal(chosen))
    return sizes.plan(chosen, found)


def make_way(operator: SymmetricOperator, plan: MemoryPlan) -> None:
    """Leave what a plan is for its part of the memory of held graphs, from the next product on."""
    holder = _holder_of(operator)
    if holder:
        holder.batches.leave(plan.memory - plan.held)


def leave_vectors(operator: SymmetricOperator) -> None:
    """Leave a solver without a basis room for the vectors at work beside held graphs, and for no more.

    So do the operators that share the memory of this one.
    """
    holder = _holder_of(operator)
    for each in holder.batches.sharing if holder else ():
        each.leave(WORKING_VECTORS * operator.shape[0] * operator.dtype.itemsize)


class _Sizes:
    """The parts of a budget."""

    def __init__(self, operator: SymmetricOperator, rows: Rows, batches: HeldBatches | None, budget: int) -> None:
        self.operator, self.rows, self.batches, self.budget = operator, rows, batches, budget
        self.n = operator.shape[0]
        self.vector = self.n * operator.dtype.itemsize
        self.kept = self.n if rows.whole else _elements(operator)
        self.row = self.kept * operator.dtype.itemsize
        # products are of the whole, and of a block of it between two of its vectors
        whole = batches.problem.num_parameters * operator.dtype.itemsize if batches else 0
        self.parameters = whole
        at_work = max(WORKING_VECTORS * self.vector, batches.working_bytes if batches else 0)
        self.product = at_work + rows.returned * self.vector + (2 * whole if whole > self.vector else 0)
        self.batch = batches.batch_bytes if batches else 0
        self.graphs = max(batches.planned_bytes, batches.batch_bytes) if batches else 0
        self.space = budget - self.parameters - self.product - self.batch

    def choose(self) -> BasisStorage:
        """Return the operator's device, or the host where that holds a basis that the device does not."""
        here, host = BasisStorage(), BasisStorage(torch.device("cpu"))
        if self.operator.device.type == "cpu" or self.rows_in(here) >= min(self.rows.enough, 2 * self.rows.least):
            return here
        return host if self.rows_in(host) > self.rows_in(here) else here

    def rows_in(self, storage: BasisStorage) -> int:
        """Return how many vectors there is room for, no more than are of use."""
        rows = self.rows
        if self._elsewhere(storage):
            return min(rows.most, self._fitting(storage, (available_memory() or 2**31) // 2))
        if self.space < self.num_bytes(storage, rows.least):
            return 0
        half = self._fitting(storage, self.space // 2)
        most = self._fitting(storage, self.space - max(0, self.graphs - self.batch))
        return min(rows.most, self._fitting(storage, self.space), max(rows.least, min(rows.enough, half), most))

    def num_bytes(self, storage: BasisStorage, rows: int) -> int:
        """Return what so many vectors take."""
        rounds = storage.rounds(self.operator.dtype)
        exact, waiting = (min(self.rows.exact, rows), self.rows.corrected) if rounds else (0, 0)
        return (exact + waiting) * self.row + (rows - exact) * self._each(storage)

    def refusal(self, storage: BasisStorage) -> str:
        """Return what is wrong, and the least that would do."""
        basis = self.num_bytes(storage, self.rows.least)
        if self._elsewhere(storage):
            return (
                f"The host's memory does not hold the basis: {self.rows.least} vectors take {megabytes(basis)}, and "
                f"half of what is free is less. "
                + (
                    f"Take {self.rows.fewer}."
                    if self.rows.whole
                    else "Keep them on the device, or in --basis-dtype bfloat16."
                )
            )
        needed = self.parameters + self.product + self.batch + basis
        whole = self.batches.memory if self.batches and self.batches.kept else self.budget
        needed = self.batches.least(needed) if self.batches else needed
        one = f"one batch needs {megabytes(self.batch)}, " if self.batch else ""
        smaller = ", smaller batches (--max-batch)" if self.batch else ""
        return (
            f"The memory budget of {megabytes(whole)} is too small: {one}a product's vectors "
            f"{megabytes(self.parameters + self.product)}, a basis of {self.rows.least} vectors {megabytes(basis)}. "
            f"Give at least {megabytes(needed)} (--memory){smaller}, or {self.rows.fewer}."
        )

    def plan(self, storage: BasisStorage, rows: int) -> MemoryPlan:
        """Return the plan for so many vectors."""
        basis = self.num_bytes(storage, rows)
        here = 0 if self._elsewhere(storage) else basis
        return MemoryPlan(
            memory=self.budget,
            parameters=self.parameters,
            product=self.product,
            batch=self.batch,
            graphs=self.graphs,
            held=max(0, self.space - here) + self.batch,
            basis=basis,
            max_basis=rows,
            least_basis=self.rows.least,
            basis_device=str(storage.device or self.operator.device),
            basis_dtype=str(storage.dtype or self.operator.dtype).removeprefix("torch."),
        )

    def _elsewhere(self, storage: BasisStorage) -> bool:
        return storage.device is not None and storage.device.type != self.operator.device.type

    def _each(self, storage: BasisStorage) -> int:
        """Return what a vector takes in storage, with its part of two blocks, fetched from there one after another."""
        dtype = storage.dtype or self.operator.dtype
        fetched = self._elsewhere(storage) or dtype != self.operator.dtype
        width = min(self.kept, storage.width(self.kept, here=None)) if fetched else 0
        return self.kept * dtype.itemsize + 2 * width * self.operator.dtype.itemsize

    def _fitting(self, storage: BasisStorage, space: int) -> int:
        rounds = storage.rounds(self.operator.dtype)
        exact, waiting = (self.rows.exact, self.rows.corrected) if rounds else (0, 0)
        space -= waiting * self.row
        each = self._each(storage)
        found = space // self.row if space < exact * self.row else exact + (space - exact * self.row) // each
        return min(self.rows.most, max(0, found))


def _elements(operator: SymmetricOperator) -> int:
    """Return how many elements of a vector of the basis this process keeps at most."""
    return Parts(operator.holders, operator.shape[0]).most


def _holder_of(operator: SymmetricOperator) -> Any:
    """Return the operator that holds batches: this one, or the one that it is made of; None where neither does."""
    inner = getattr(operator, "operator", None)
    return operator if hasattr(operator, "batches") else inner and _holder_of(inner)
