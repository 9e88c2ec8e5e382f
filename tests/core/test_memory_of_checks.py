"""What checks and blocks of parameters keep beside a plan is few vectors, however many rows they ask for."""

import pytest
import torch
from peak_bytes import peak_bytes
from torch import nn

from landscape import Hessian, Problem, hessian_trace, verify
from landscape.operators.combinations import restrict
from landscape.solvers.hessian_trace import _rest_is_small


def problem_of(activation, width=300):
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(100, width), activation, nn.Linear(width, width), activation, nn.Linear(width, 10))
    return Problem(model, "cross_entropy", (torch.randn(64, 100), torch.arange(64) % 10), batch_size=16)


@pytest.mark.parametrize(("activation", "vectors"), [(nn.Tanh(), 12), (nn.ReLU(), 13)])
def test_a_verification_of_hundreds_of_rows_keeps_few_vectors(activation, vectors):
    problem = problem_of(activation)
    found, peak = peak_bytes(lambda: verify(problem))
    assert found.agrees
    assert found.coordinates == 430
    assert peak <= vectors * 8 * problem.num_parameters


def test_a_network_is_recognised_and_its_trace_taken_with_few_vectors():
    problem = problem_of(nn.ReLU())
    found, peak = peak_bytes(lambda: hessian_trace(Hessian(problem)))
    assert found.method == "exact"
    assert peak <= 11.5 * 8 * problem.num_parameters


def test_half_of_a_memory_is_free_of_graphs_and_graphs_that_leave_it_stay():
    problem = problem_of(nn.ReLU())
    H = Hessian(problem, memory=10**9)
    before = H @ problem.theta
    held = H.batches.held_bytes
    assert held > 0
    assert H.batches.half() == 5 * 10**8
    assert H.batches.held_bytes == held
    H.batches.memory = 2 * held - 2
    assert H.batches.half() == held - 1
    assert H.batches.held_bytes == 0
    H.batches.memory = 10**9
    assert torch.equal(H @ problem.theta, before)


def test_the_pilot_of_a_trace_takes_its_probes_in_pairs():
    problem = problem_of(nn.Tanh())
    vector = 4 * problem.num_parameters
    H = Hessian(problem, memory=40 * vector)
    _, peak = peak_bytes(lambda: _rest_is_small(H, 0))
    assert peak <= 20 * vector


def test_a_block_of_columns_of_few_parameters_takes_few_vectors_of_the_whole():
    problem = problem_of(nn.Tanh(), width=600)
    H = Hessian(problem)
    block = restrict(H, problem, "4.bias")
    columns = torch.randn(10, 60)
    each = torch.stack([block @ column for column in columns.T], dim=1)
    found, peak = peak_bytes(lambda: block @ columns)
    assert torch.equal(found, each)
    assert peak <= 6 * 4 * problem.num_parameters
