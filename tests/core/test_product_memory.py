"""A product's own memory: what graphs do not save is counted too."""

from functools import partial

import pytest
import torch
from peak_bytes import peak_bytes
from torch import nn

from landscape import Fisher, GaussNewton, Hessian, Problem
from landscape.errors import ProblemError
from landscape.operators.allocated import Allocated


def wide():
    """A network whose outputs, not its parameters, take the memory: as a language model's vocabulary does."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(5, 4), nn.Tanh(), nn.Linear(4, 500))
    return Problem(model, "cross_entropy", (torch.randn(1200, 5), torch.arange(1200) % 500), batch_size=300)


@pytest.mark.parametrize(
    "make",
    [
        Hessian, GaussNewton, Fisher, partial(Fisher, kind="empirical"), partial(Fisher, kind="monte_carlo", samples=2)
    ],
)  # fmt: skip
def test_what_a_product_takes_beside_graphs_is_within_the_memory(make):
    problem = wide()
    v = torch.ones(problem.num_parameters)
    whole = make(problem)
    exact = whole @ v
    at_once = whole.batches.batch_bytes + whole.batches.working_bytes
    for memory in (at_once + 2 * whole.batches.batch_bytes, whole.batches.planned_bytes + at_once):
        H = make(problem, memory=memory)
        for _ in range(2):
            before = H.batches.held_bytes
            found, peak = peak_bytes(lambda H=H: H @ v)
            torch.testing.assert_close(found, exact)
            # beside six vectors of parameters
            assert before + peak <= memory + 24 * problem.num_parameters, (before, peak, memory)
    with pytest.raises(ProblemError, match="too small: one batch needs"):
        _ = make(problem, memory=at_once - 1000) @ v


def test_what_operations_allocate_is_followed_through_backward_passes():
    problem = wide()
    leaves = [each.clone().requires_grad_() for each in problem.unflatten(problem.theta)]
    (batch, _), *_ = problem.batches()

    def work():
        g = torch.autograd.grad(problem.batch_loss(leaves, batch), leaves, create_graph=True)
        return torch.autograd.grad(g, leaves, [torch.ones_like(each) for each in g])

    _, peak = peak_bytes(work)
    with Allocated() as allocated:
        found = work()
    assert allocated.height == pytest.approx(peak, rel=1e-3)
    assert allocated.now == 4 * problem.num_parameters
    del found
    assert allocated.now == 0
