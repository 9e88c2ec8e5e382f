import pytest
import torch
from torch import nn

from landscape import Dense, Fisher, GaussNewton, Hessian, Problem
from landscape.errors import UsageError
from landscape.operators import Restricted, Scaled, Shifted, Sum, restrict


def symmetric(n=7, seed=0):
    A = torch.randn(n, n, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    return A + A.T


def same(operator, exact):
    torch.testing.assert_close(operator.to_dense().cpu(), exact, rtol=1e-13, atol=1e-13)
    v = torch.arange(1.0, len(exact) + 1, dtype=torch.float64)
    torch.testing.assert_close((operator @ v).cpu(), exact @ v, rtol=1e-13, atol=1e-13)
    torch.testing.assert_close(torch.from_numpy(operator.to_scipy() @ v.numpy()), exact @ v, rtol=1e-13, atol=1e-13)


def test_sum_shift_and_scaling(device):
    A, B, d = symmetric(), symmetric(seed=1), torch.linspace(-1, 2, 7, dtype=torch.float64)
    of_A, of_B = Dense(A.to(device)), Dense(B.to(device))
    same(Sum([of_A, of_B]), A + B)
    same(Sum([of_A, of_B], [2.0, -1.0]), 2 * A - B)
    same(Shifted(of_A, -0.7), A - 0.7 * torch.eye(7, dtype=torch.float64))
    same(Scaled(of_A, d), d[:, None] * A * d)
    same(Shifted(Sum([Scaled(of_A, d), of_B]), 1.0), d[:, None] * A * d + B + torch.eye(7, dtype=torch.float64))


def test_restriction_is_the_block(device):
    A, chosen = symmetric(), torch.tensor([5, 0, 2])
    same(Restricted(Dense(A.to(device)), chosen), A[chosen][:, chosen])


def test_blocks_of_parameters_by_name(device):
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 2))).double()
    data = torch.randn(9, 3, dtype=torch.float64), torch.randint(2, (9,))
    problem = Problem(model, "cross_entropy", data, device=device)
    H = Hessian(problem)
    dense = H.to_dense().cpu()
    assert problem.parameter_names[:2] == ("0.weight", "0.bias")
    same(restrict(H, problem, "0"), dense[:16, :16])
    same(restrict(H, problem, "0.bias"), dense[12:16, 12:16])
    same(restrict(H, problem, "2.*"), dense[16:, 16:])
    biases = torch.tensor([12, 13, 14, 15, 32, 33, 34, 35, 44, 45])
    same(restrict(H, problem, "*.bias"), dense[biases][:, biases])
    same(restrict(H, problem, "2.1", "0"), dense[[*range(16), *range(36, 46)]][:, [*range(16), *range(36, 46)]])
    with pytest.raises(UsageError, match="No parameter matches '3'"):
        restrict(H, problem, "0", "3")


def test_the_adaptive_hessian_is_blind_to_rescaling_of_neurons(device):
    """The spectrum of |w| H |w| stays, where that of H moves, at a minimum of a ReLU network."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(3, 4, bias=False), nn.ReLU(), nn.Linear(4, 2, bias=False)).double()
    data = torch.randn(9, 3, dtype=torch.float64), torch.randint(2, (9,))

    def spectra():
        problem = Problem(model, "cross_entropy", data, device=device)
        G = GaussNewton(problem)
        return (torch.linalg.eigvalsh(each.to_dense()) for each in (G, Scaled(G, problem.theta.abs())))

    plain, adaptive = spectra()
    with torch.no_grad():
        scale = torch.tensor([3.0, 0.5, 1.0, 2.0], dtype=torch.float64)
        model[0].weight.mul_(scale[:, None])
        model[2].weight.div_(scale)
    moved, stayed = spectra()
    torch.testing.assert_close(stayed, adaptive, rtol=1e-9, atol=1e-12)
    assert float((moved - plain).norm() / plain.norm()) > 0.1


def test_refusals():
    A = Dense(symmetric())
    with pytest.raises(ValueError, match="one shape"):
        Sum([A, Dense(symmetric(5))])
    with pytest.raises(ValueError, match="coefficient each"):
        Sum([A, A], [1.0])
    with pytest.raises(ValueError, match="finite"):
        Scaled(A, torch.full((7,), float("nan")))
    with pytest.raises(ValueError, match="7 finite"):
        Scaled(A, torch.ones(6))
    for coordinates in (torch.tensor([7]), torch.tensor([0, 0]), torch.tensor([], dtype=torch.int64)):
        with pytest.raises(ValueError, match="different indices"):
            Restricted(A, coordinates)


def test_a_pattern_that_matches_nothing_names_some_parameters_and_counts_the_others():
    model = nn.Sequential(*[nn.Linear(2, 2) for _ in range(10)])
    problem = Problem(model, "half_squared", (torch.ones(3, 2), torch.ones(3, 2)))
    with pytest.raises(UsageError, match=r"0\.weight, .*3\.bias and 12 more"):
        restrict(Hessian(problem), problem, "layer4.*")


@pytest.mark.parametrize("operator", [GaussNewton, Fisher])
def test_products_that_are_not_finite_name_the_batch(operator):
    x, y = torch.randn(12, 3), torch.randint(2, (12,))
    x[5] = float("inf")
    G = operator(Problem(nn.Linear(3, 2), "cross_entropy", (x, y), batch_size=4))
    with pytest.raises(FloatingPointError, match=r"batch 2 \(of 4 examples\)"):
        _ = G @ torch.ones(8)
