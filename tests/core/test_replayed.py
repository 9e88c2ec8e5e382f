"""On a GPU products of small networks are replayed as captured graphs, and are the same; elsewhere nothing is."""

import pytest
import torch
from torch import nn

from landscape import GaussNewton, Hessian, Problem
from landscape.operators import held_batches
from landscape.operators.replayed import REPLAY_AFTER


def network():
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(2, 3, 3), nn.BatchNorm2d(3), nn.ReLU(), nn.Flatten(), nn.Linear(48, 4))


def problem_of(model, device):
    generator = torch.Generator().manual_seed(1)
    x = torch.randn(11, 2, 6, 6, generator=generator)
    y = torch.randint(4, (11,), generator=generator)
    return Problem(model, "cross_entropy", (x, y), batch_size=4, device=device, dtype=torch.float64)


def replayed(operator):
    return [type(made.product).__name__ == "_Replay" for made, _ in operator.batches._held]


@pytest.mark.parametrize("make", [Hessian, GaussNewton])
@pytest.mark.parametrize("replays", [True, False])
def test_products_stay_the_same_when_they_are_replayed(make, replays, device):
    problem = problem_of(network(), device)
    plain, operator = make(problem), make(problem)
    plain.batches.replays, operator.batches.replays = False, replays
    V = torch.randn(problem.num_parameters, REPLAY_AFTER + 4, generator=torch.Generator().manual_seed(2)).double()
    V = V.to(device)
    expected = plain @ V
    found = torch.stack([operator @ v for v in V.unbind(1)], dim=1)
    torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-14)
    torch.testing.assert_close(operator @ V, expected, rtol=1e-12, atol=1e-14)
    assert replayed(operator) == [replays and device.type == "cuda"] * 3
    # whoever needs the memory takes it away, and they are held again
    operator.batches.leave(operator.batches.memory - 1)
    assert not operator.batches.count
    operator.batches.leave(0)
    torch.testing.assert_close(operator @ V, expected, rtol=1e-12, atol=1e-14)
    assert operator.batches.count == 3


def test_a_process_without_examples_captures_nothing(monkeypatch):
    monkeypatch.setattr(held_batches, "can_be_replayed", lambda problem, replays: True)
    monkeypatch.setattr(held_batches, "Replays", lambda problem: None)
    H = Hessian(problem_of(network(), "cpu"))
    H.batches._parts = []
    for _ in range(REPLAY_AFTER + 1):
        assert not (H @ torch.ones(H.shape[0])).any()


class Watched(nn.Module):
    """Waits for the device in every backward pass: so that PyTorch knows of it, or not."""

    def __init__(self, known):
        super().__init__()
        self.known = known

    def forward(self, x):
        if x.requires_grad:
            x.register_hook(self.look)
        return x

    def look(self, g):
        if self.known:
            return g * float(g.isfinite().all())
        if g.is_cuda:
            torch.cuda.synchronize()
        return g


@pytest.mark.parametrize("known", [True, False])
def test_a_product_that_waits_stays_as_it_is(known, device):
    model = network()
    model.insert(3, Watched(known))
    problem = problem_of(model, device)
    G = GaussNewton(problem)
    G.batches.replays = True
    v = torch.randn(problem.num_parameters, generator=torch.Generator().manual_seed(2)).double().to(device)
    expected = GaussNewton(problem) @ v
    for _ in range(REPLAY_AFTER + 3):
        torch.testing.assert_close(G @ v, expected, rtol=1e-12, atol=1e-14)
    assert replayed(G) == [False] * 3
    # and what comes later on the device is as it was
    assert bool(torch.nn.functional.dropout(torch.ones(9, device=device)).isfinite().all())
    if device.type == "cuda":
        assert torch.cuda.get_sync_debug_mode() == 0
