"""What was planned is what is taken, and a budget that is too small says the least that would do."""

import re
import tracemalloc

import pytest
import torch
from peak_bytes import peak_bytes
from torch import nn

from landscape import Hessian, Lambda, Minimum, Problem, lanczos, spectral_density
from landscape.errors import ProblemError
from landscape.measures import measure_minimum
from landscape.solvers import eigsh, hessian_trace, lobpcg
from landscape.solvers.basis_storage import BasisStorage
from landscape.solvers.eigen_request import EigenRequest
from landscape.solvers.hessian_trace import rows_of_trace
from landscape.solvers.memory_plan import make_way, plan_memory, rows_of_density, rows_of_search
from landscape.solvers.scipy_memory import HOST_FLOAT64, remembered, rows_of_scipy

REQUEST = EigenRequest(20_000, 2, 0, 1e-3, 200)


@pytest.fixture(scope="module")
def problem():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(40, 150), nn.Tanh(), nn.Linear(150, 150), nn.Tanh(), nn.Linear(150, 10))
    return Problem(model, "cross_entropy", (torch.randn(400, 40), torch.arange(400) % 10), batch_size=50)


def request_of(problem, k=3):
    return EigenRequest(problem.num_parameters, k, 1, 1e-3, 200)


@pytest.mark.parametrize(("dtype", "most"), [(None, 10 * 4), (torch.bfloat16, 4 * 4 + 6 * 2)])
def test_a_bounded_basis_takes_what_it_may(dtype, most):
    n = 20_000
    d = torch.linspace(1, 0, n)
    d[:2] = torch.tensor([9.0, 7.0])
    operator, storage = Lambda(lambda v: d * v, n), BasisStorage(dtype=dtype)
    pairs, peak = peak_bytes(lambda: lanczos(operator, 2, max_basis=10, storage=storage, verify=False))
    assert pairs.converged
    # a product, its remainder and what is pending at work here; two vectors come back
    assert peak <= n * (most + 4 * 7), peak / n


@pytest.mark.parametrize(("megabytes", "basis_dtype"), [(4, None), (4, torch.bfloat16), (8, torch.bfloat16)])
def test_products_and_basis_together_stay_within_the_memory(problem, megabytes, basis_dtype):
    memory = megabytes * 10**6

    def solve():
        H = Hessian(problem, memory=memory, product="double backward")
        rows = rows_of_search(request_of(problem), H)
        plan = plan_memory(H, rows, storage=BasisStorage(dtype=basis_dtype) if basis_dtype else None)
        make_way(H, plan)
        return plan, H, lanczos(H, 3, bottom=1, rtol=1e-2, max_basis=plan.max_basis, storage=plan.storage)

    (plan, H, pairs), peak = peak_bytes(solve)
    assert pairs.converged
    assert peak <= memory
    assert plan.least_basis <= plan.max_basis
    assert H.batches.held_bytes <= plan.held
    assert plan.parameters + plan.product + plan.held + plan.basis <= memory
    # what is planned is not far from what is taken
    assert peak >= plan.basis


@pytest.mark.parametrize("megabytes", [5, 8])
@pytest.mark.parametrize("method", ["xtrace", "hutchpp"])
def test_a_trace_stays_within_the_memory(problem, method, megabytes):
    memory = megabytes * 10**6

    def solve():
        return hessian_trace(Hessian(problem, memory=memory), method=method, rtol=1e-6, max_matvecs=90)

    estimate, peak = peak_bytes(solve)
    assert estimate.matvecs == 90
    # a sketch of all of them alone would take more: 90/2 or 90/3 test vectors, four or five vectors each
    assert peak <= memory < 150 * 4 * problem.num_parameters


def test_plain_probes_take_the_place_of_a_sketch_that_memory_does_not_hold(problem):
    H = Hessian(problem)
    rows = rows_of_trace("xtrace", H.shape[0], 1000)
    plan_memory(H, rows)
    least = least_of(lambda memory: Hessian(problem, memory=memory), rows)
    found = [
        hessian_trace(Hessian(problem, memory=memory), rtol=0.02, max_matvecs=40).method
        for memory in (least, least - 2048)
    ]
    assert found[0] != "hutchinson"
    assert found[1] == "hutchinson"


@pytest.mark.parametrize("budget", [1000, 30])
@pytest.mark.parametrize(("k", "bottom"), [(1, 0), (5, 1)])
@pytest.mark.parametrize("solver", [eigsh, lobpcg])
def test_scipys_solvers_take_what_is_planned(solver, k, bottom, budget):
    n = 20_000
    d = torch.linspace(1, 0, n)
    d[:6], d[-2:] = torch.arange(20.0, 14.0, -1), torch.tensor([-4.0, -6.0])
    request = EigenRequest(n, k, bottom, 1e-3, budget)
    rows = rows_of_scipy(request, solver.__name__)
    plan = plan_memory(Lambda(lambda v: d * v, n), rows, memory=2**30, storage=HOST_FLOAT64)
    assert plan.max_basis == plan.least_basis == rows.least
    tracemalloc.start()
    try:
        pairs = solver(Lambda(lambda v: d * v, n), k, bottom=bottom, max_matvecs=budget)
        # NumPy's own; the products that are remembered are PyTorch's
        peak = tracemalloc.get_traced_memory()[1] + 8 * n * remembered(request)
    finally:
        tracemalloc.stop()
    assert pairs.matvecs <= budget
    assert 0.6 * plan.basis <= peak <= plan.basis


MEASURES = ["top_eigenvalue", "gauss_newton_top_eigenvalue", "adaptive_top_eigenvalue", "trace", "frobenius_norm"]


@pytest.mark.parametrize("megabytes", [6, 20])
def test_measures_that_keep_what_others_need_stay_within_the_memory(problem, megabytes):
    memory = megabytes * 10**6

    def measured():
        minimum = Minimum(problem, problem.theta, memory=memory)
        return measure_minimum(minimum, MEASURES, options={"trace": {"rtol": 0.2}}, warn=False)

    found, peak = peak_bytes(measured)
    assert all(each.value is not None for each in found.values())
    assert peak <= memory, peak / memory


def test_two_operators_share_one_memory(problem):
    minimum = Minimum(problem, problem.theta, memory=2**30)
    v = torch.ones(problem.num_parameters)
    _ = minimum.hessian @ v, minimum.gauss_newton @ v
    assert minimum.hessian.batches.complete
    assert minimum.gauss_newton.batches.complete
    both = minimum.hessian.batches.planned_bytes + minimum.gauss_newton.batches.planned_bytes
    minimum = Minimum(problem, problem.theta, memory=both - 2**16)
    H, G = minimum.hessian, minimum.gauss_newton
    for first, second in ((H, G), (G, H)):
        product = first @ v
        assert first.batches.complete
        _ = second @ v
        assert second.batches.complete
        assert first.batches.held_bytes == 0
        torch.testing.assert_close(first @ v, product, rtol=1e-6, atol=1e-7)


def test_a_quarter_is_for_what_measures_keep_and_the_refusal_says_what_does(problem):
    v = torch.ones(problem.num_parameters)
    minimum = Minimum(problem, problem.theta, memory=2**24)
    H, G = minimum.hessian, minimum.gauss_newton
    rows = rows_of_search(request_of(problem), H)
    assert H.batches.room == G.batches.room == plan_memory(H, rows).memory == 3 * 2**22

    def hessian(memory):
        return Minimum(problem, problem.theta, memory=memory).hessian

    least = least_of(hessian, rows)
    plan = plan_memory(hessian(least), rows)
    assert plan.max_basis == rows.least
    H.batches.look()
    small = Minimum(problem, problem.theta, memory=H.batches.batch_bytes)
    with pytest.raises(ProblemError, match=r"one batch needs .* Give at least") as caught:
        _ = small.hessian @ v
    named = 1024 * int(re.search(r"at least ([\d,]+) KiB", str(caught.value))[1].replace(",", ""))
    _ = Minimum(problem, problem.theta, memory=named).hessian @ v


def least_of(make, rows):
    with pytest.raises(ProblemError, match=r"too small: one batch needs .* Give at least ([\d,]+) KiB") as caught:
        plan_memory(make(10_000), rows)
    return 1024 * int(re.search(r"at least ([\d,]+) KiB", str(caught.value))[1].replace(",", ""))


@pytest.mark.parametrize("product", ["auto", "double backward", "forward over reverse"])
@pytest.mark.parametrize("what", ["eigenvalues", "density"])
def test_the_least_that_is_named_does(problem, product, what):
    def make(memory):
        return Hessian(problem, memory=memory, product=product)

    def solve():
        H = make(least)
        plan = plan_memory(H, rows)
        make_way(H, plan)
        if what == "density":
            return plan, spectral_density(H, num_probes=2, steps=plan.max_basis, storage=plan.storage)
        return plan, lanczos(H, 3, bottom=1, rtol=1e-2, max_matvecs=60, max_basis=plan.max_basis, storage=plan.storage)

    rows = rows_of_search(request_of(problem), make(None)) if what == "eigenvalues" else rows_of_density(10_000, 40)
    least = least_of(make, rows)
    (plan, _), peak = peak_bytes(solve)
    assert plan.max_basis == rows.least
    assert peak <= least
    with pytest.raises(ProblemError):
        plan_memory(make(least - 2048), rows)


@pytest.mark.parametrize("n", [1, 3, 9])
def test_a_density_of_few_parameters_is_planned(n):
    operator = Lambda(lambda v: v, n)
    plan = plan_memory(operator, rows_of_density(n, 80), memory=2**20)
    assert plan.max_basis == plan.least_basis == n
    assert plan.steps(80, n) == 80


def test_rounded_vectors_leave_room_for_more_of_them():
    operator = Lambda(lambda v: v, REQUEST.n)
    rows = rows_of_search(REQUEST, operator)
    vector = 4 * REQUEST.n
    whole, reduced = (
        plan_memory(operator, rows, memory=40 * vector, storage=BasisStorage(dtype=dtype))
        for dtype in (torch.float32, torch.bfloat16)
    )
    assert whole.max_basis + 5 <= reduced.max_basis
    assert reduced.basis <= 40 * vector


def test_plenty_leaves_the_search_as_it_is(problem):
    H = Hessian(problem, memory=2**30)
    plan = plan_memory(H, rows_of_search(request_of(problem), H))
    make_way(H, plan)
    assert plan.max_basis == 256
    assert (plan.basis_device, plan.basis_dtype) == ("cpu", "float32")
    _ = H @ torch.ones(H.shape[0])
    assert H.batches.complete


def test_graphs_give_way_to_a_basis_that_comes_later(problem):
    H = Hessian(problem, memory=6_500_000)
    v = torch.ones(H.shape[0])
    before = H @ v
    held = H.batches.held_bytes
    plan = plan_memory(H, rows_of_density(H.shape[0], 40))
    make_way(H, plan)
    torch.testing.assert_close(H @ v, before)
    assert H.batches.held_bytes <= plan.held
    assert plan.held < held + plan.batch


def test_a_gpu_whose_memory_does_not_hold_the_basis_leaves_it_to_the_host():
    operator = Lambda(lambda v: v, REQUEST.n, device="cuda")
    rows = rows_of_search(REQUEST, operator)
    vector = 4 * REQUEST.n
    small = plan_memory(operator, rows, memory=vector * 16)
    assert small.basis_device == "cpu"
    assert small.max_basis == rows.most
    large = plan_memory(operator, rows, memory=vector * 400)
    assert large.basis_device == "cuda"
    # less than a search needs, even without the basis
    kept = plan_memory(operator, rows, memory=vector * 16, storage=BasisStorage(torch.device("cpu"), torch.bfloat16))
    assert (kept.basis_device, kept.basis_dtype) == ("cpu", "bfloat16")
