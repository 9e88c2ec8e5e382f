"""What measures will keep is planned of their own options, and layers have the same memory."""

import pytest
import torch
from peak_bytes import peak_bytes
from torch import nn

from landscape import Hessian, Minimum, Problem, hutchinson
from landscape.layerwise import layerwise
from landscape.measures import measure_minimum
from landscape.measures.measure import registered
from landscape.measures.memory_plans import memory_plans
from landscape.minimum import SecondMoment
from landscape.operators.combinations import restrict
from landscape.registry import measures as registry
from landscape.solvers.eigen_request import EigenRequest
from landscape.solvers.memory_plan import _Sizes, leave_vectors, plan_memory, rows_of_search


@pytest.mark.parametrize("vectors", [50, 80, 200])
def test_a_measure_gives_the_same_number_alone_and_after_others_where_memory_binds(vectors):
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(10, 40), nn.Tanh(), nn.Linear(40, 30), nn.Tanh(), nn.Linear(30, 4))
    problem = Problem(model, "cross_entropy", (torch.randn(60, 10), torch.arange(60) % 4), batch_size=10)
    options = {"frobenius_norm": {"rtol": 0.004, "max_matvecs": 60}, "trace": {"rtol": 0.2}}
    names = ["trace", "sqrt_diagonal_trace", "gauss_newton_top_eigenvalue", "top_eigenvalue", "frobenius_norm"]

    def measured(*chosen):
        own = {name: options[name] for name in chosen if name in options}
        minimum = Minimum(problem, problem.theta, memory=vectors * 4 * problem.num_parameters)
        return measure_minimum(minimum, chosen, options=own, warn=False)

    together = measured(*names)
    for name in names:
        alone = measured(name)[name]
        assert (alone.value, alone.error) == (together[name].value, together[name].error), name


@pytest.mark.parametrize("name", [name for name in registry.names() if registered(name).keeps])
def test_a_measure_says_for_what_it_keeps_vectors(name, monkeypatch):
    """What it plans for itself where the memory is small is of the kind that it is registered with."""
    model = nn.Sequential(nn.Linear(6, 20), nn.Tanh(), nn.Linear(20, 20), nn.Tanh(), nn.Linear(20, 3))
    torch.manual_seed(0)
    problem = Problem(model, "cross_entropy", (torch.randn(20, 6), torch.arange(20) % 3), batch_size=5)
    n = problem.num_parameters
    words = {"eigenvalues": "eigenvalues", "density": "density-steps", "sketch": "parameters", "trace": "parameters"}
    moment = SecondMoment(torch.ones(n, dtype=torch.float64), 10, 0.999, 1e-8, "a test")
    minimum = Minimum(problem, problem.theta, moment, memory=2000 * 4 * n)
    asked = []
    monkeypatch.setattr(_Sizes, "__init__", _noted(asked, _Sizes.__init__))
    options = {"log_det": {"num_probes": 2, "steps": 8}, "trace": {"rtol": 0.02}}
    own = {name: options[name]} if name in options else {}
    assert measure_minimum(minimum, name, options=own, warn=False)[name].value is not None
    kind = registered(name).keeps
    assert {each for each in words.values() if any(each in rows.fewer for rows in asked)} == {words[kind]}
    most = max(rows.most for rows in asked)
    plans = memory_plans(minimum, [name], own)
    assert list(plans) == [kind]
    plan = plans[kind]
    assert plan.max_basis == most


def _noted(asked, init):
    def noted(self, operator, rows, *rest):
        asked.append(rows)
        init(self, operator, rows, *rest)

    return noted


def problem_of(activation, *, width=20, examples=20, batch_size=5):
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(6, width), activation, nn.Linear(width, width), activation, nn.Linear(width, 3))
    return Problem(
        model, "cross_entropy", (torch.randn(examples, 6), torch.arange(examples) % 3), batch_size=batch_size
    )


def test_plans_are_of_the_options_given_and_of_the_measure_that_wants_most():
    problem = problem_of(nn.Tanh())
    minimum = Minimum(problem, problem.theta)
    own = {"log_det": {"steps": 20}, "frobenius_norm": {"max_matvecs": 60}, "effective_rank": {"max_matvecs": 30}}
    plans = memory_plans(minimum, ["log_det", "effective_rank", "frobenius_norm"], own)
    assert plans["density"].max_basis == 20
    assert plans["sketch"].max_basis == 4 * 30


def test_a_trace_that_backward_passes_give_has_no_plan_and_that_of_a_smooth_network_has_one():
    smooth, kinked = (Minimum(each, each.theta) for each in map(problem_of, (nn.Tanh(), nn.ReLU())))
    fine = {"trace": {"rtol": 0.01}}
    assert memory_plans(smooth, ["trace"], fine)["trace"].max_basis == 4 * 60
    assert memory_plans(smooth, ["trace"], {"trace": {"rtol": 0.01, "max_matvecs": 40}})["trace"].max_basis == 4 * 20
    assert memory_plans(smooth, ["trace"]) == memory_plans(kinked, ["trace"], fine) == {}


def test_what_there_is_no_memory_for_is_left_out():
    problem = problem_of(nn.Tanh())
    minimum = Minimum(problem, problem.theta, memory=4 * problem.num_parameters * 40)
    plans = memory_plans(minimum, ["top_eigenvalue", "frobenius_norm", "log_det"], {"log_det": {"steps": 200}})
    assert set(plans) == {"eigenvalues", "sketch"}


def test_layers_stay_within_the_memory_and_are_the_same():
    problem = problem_of(nn.Tanh(), width=150, examples=400, batch_size=50)
    ample = layerwise(Minimum(problem, problem.theta), rtol=1e-3, trace_rtol=0.5)
    block = 150 * 151
    memory = 4 * (problem.num_parameters * 16 + block * 20)

    def measured():
        minimum = Minimum(problem, problem.theta, memory=memory)
        return layerwise(minimum, rtol=1e-3, trace_rtol=0.5)

    layers, peak = peak_bytes(measured)
    assert peak <= memory, peak / memory
    for ours, theirs in zip(layers, ample, strict=True):
        assert ours.top_eigenvalue_converged
        assert theirs.top_eigenvalue_converged
        within = ours.top_eigenvalue_error + theirs.top_eigenvalue_error
        assert abs(ours.top_eigenvalue - theirs.top_eigenvalue) <= within


def test_a_block_is_planned_with_the_products_of_the_whole():
    problem = problem_of(nn.Tanh())
    H = Hessian(problem)
    block = restrict(H, problem, "4")
    n, m = problem.num_parameters, block.shape[0]
    plan = plan_memory(block, rows_of_search(EigenRequest(m, 1, 0, 1e-3, 200), block))
    assert plan.parameters == 4 * n
    assert plan.product == 4 * 2 * n + max(4 * 10 * m, H.batches.working_bytes) + 4 * 2 * m
    assert plan.basis == 4 * m * plan.max_basis


def test_all_operators_that_share_a_memory_have_it_back_where_no_basis_is_kept():
    problem = problem_of(nn.Tanh())
    minimum = Minimum(problem, problem.theta, memory=10**6)
    H, G = minimum.hessian, minimum.gauss_newton
    G.batches.leave(600_000)
    leave_vectors(H)
    assert H.batches.left == G.batches.left == 10 * 4 * problem.num_parameters
    hutchinson(G, rtol=0.5, max_matvecs=16)
    assert G.batches.complete
