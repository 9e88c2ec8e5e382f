import pytest
import torch
from dense_gauss_newton import dense_jacobian, dense_sandwich, softmax_matrices
from dense_oracle import dense_hessian
from torch import nn
from torch.nn import functional as F

from landscape import Fisher, GaussNewton, Hessian, Problem, hutchinson, lanczos
from landscape.errors import ProblemError, UsageError
from landscape.losses import half_squared, mse


def network(activation=nn.Tanh, dtype=torch.float64):
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Unflatten(1, (1, 4, 4)),
        nn.Conv2d(1, 3, 3, padding=1),
        nn.BatchNorm2d(3),
        activation(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(12, 4),
    ).to(dtype)


def examples(count=23, dtype=torch.float64):
    generator = torch.Generator().manual_seed(1)
    x = torch.randn(count, 16, generator=generator, dtype=torch.float64).to(dtype)
    return x, torch.randint(4, (count,), generator=generator)


def relative(found, exact):
    return float((found - exact).detach().norm() / exact.detach().norm())


def one_hot_scores(model, x, y):
    return (model(x).softmax(1) - F.one_hot(y, 4)).detach()


OUTPUT_MATRICES = {
    "cross_entropy": lambda outputs: softmax_matrices(outputs),
    "half_squared": lambda outputs: torch.eye(4, dtype=torch.float64).expand(len(outputs), 4, 4),
    "mse": lambda outputs: 0.5 * torch.eye(4, dtype=torch.float64).expand(len(outputs), 4, 4),
}


@pytest.mark.parametrize("loss", OUTPUT_MATRICES)
@pytest.mark.parametrize("operator", [GaussNewton, Fisher])
def test_against_dense_for_any_split_and_memory(loss, operator, device):
    model, (x, y) = network().eval(), examples()
    exact = dense_sandwich(dense_jacobian(model, x), OUTPUT_MATRICES[loss](model(x)))
    held = at_work = 0
    for options, share in (({}, None), ({"batch_size": 7}, None), ({"batch_size": 7}, 0.8)):
        memory = None if share is None else int(share * held) + at_work
        G = operator(Problem(model.train(), loss, (x, y), device=device, **options), memory=memory)
        assert relative(G.to_dense().cpu(), exact) < 1e-13
        assert relative((G @ torch.ones(G.shape[0])).cpu(), exact.sum(1)) < 1e-13
        # the budget holds some batches, and not all of them
        assert G.batches.complete == (memory is None)
        assert G.batches.count > 0
        held, at_work = G.batches.held_bytes, G.batches.working_bytes


def test_of_a_linear_network_is_the_hessian(device):
    x, y = examples()
    problem = Problem(nn.Linear(16, 4).double(), "cross_entropy", (x, y), weight_decay=0.1, device=device)
    assert relative(GaussNewton(problem).to_dense(), Hessian(problem).to_dense()) < 1e-13


def test_gauss_newton_of_any_criterion(device):
    model, (x, y) = network().eval(), examples()
    smoothed = nn.CrossEntropyLoss(label_smoothing=0.2)
    exact = dense_sandwich(dense_jacobian(model, x), softmax_matrices(model(x)))
    for operator in (GaussNewton, Fisher):
        assert relative(operator(Problem(model, smoothed, (x, y), device=device)).to_dense().cpu(), exact) < 1e-13


def test_hessian_and_gauss_newton_share_the_diagonal_on_relu_and_not_on_tanh():
    """The fact behind the exact trace, on the dense matrices."""
    for activation, same in ((nn.ReLU, True), (nn.Tanh, False)):
        model, (x, y) = network(activation).eval(), examples()
        H = dense_hessian(model, F.cross_entropy, x, y).diagonal()
        G = dense_sandwich(dense_jacobian(model, x), softmax_matrices(model(x))).diagonal()
        assert (relative(G, H) < 1e-12) == same


def test_empirical_fisher_is_the_second_moment_of_gradients(device):
    model, (x, y) = network().eval(), examples()
    gradients = torch.einsum("nki,nk->ni", dense_jacobian(model, x), one_hot_scores(model, x, y))
    exact = gradients.T @ gradients / len(x)
    for size in (None, 5):
        problem = Problem(model, "cross_entropy", (x, y), batch_size=size, device=device)
        assert relative(Fisher(problem, kind="empirical").to_dense().cpu(), exact) < 1e-13


@pytest.mark.parametrize("loss", ["cross_entropy", "half_squared", "mse"])
def test_monte_carlo_fisher_is_unbiased_seeded_and_blind_to_the_split(loss):
    model, (x, y) = network().eval(), examples()
    exact = dense_sandwich(dense_jacobian(model, x), OUTPUT_MATRICES[loss](model(x)))

    def sampled(seed, samples=1, size=None):
        problem = Problem(model, loss, (x, y), batch_size=size)
        return Fisher(problem, kind="monte_carlo", seed=seed, samples=samples)

    v = torch.randn(exact.shape[0], dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    assert torch.equal(sampled(1) @ v, sampled(1) @ v)
    torch.testing.assert_close(sampled(1, size=5) @ v, sampled(1) @ v, rtol=1e-10, atol=1e-12)
    assert not torch.allclose(sampled(1) @ v, sampled(2) @ v)
    quadratic = torch.tensor([float(v @ (sampled(seed) @ v)) for seed in range(400)])
    assert abs(quadratic.mean() - v @ exact @ v) < 4 * quadratic.std() / 20
    many = torch.tensor([float(v @ (sampled(seed, 16) @ v)) for seed in range(60)])
    assert many.std() < quadratic.std() / 2.5
    assert abs(many.mean() - v @ exact @ v) < 4 * many.std() / 60**0.5


@pytest.mark.parametrize("samples", [1, 2, 5])
def test_a_monte_carlo_fisher_is_the_mean_over_its_samples(samples, device):
    """Where all classes are as likely every score has the length 1 - 1/C, whichever label is drawn."""
    model = nn.Linear(16, 4, bias=False, dtype=torch.float64)
    nn.init.zeros_(model.weight)
    x, y = examples()
    problem = Problem(model, "cross_entropy", (x, y), device=device)
    found = Fisher(problem, kind="monte_carlo", samples=samples).to_dense().trace()
    torch.testing.assert_close(found.cpu(), x.square().sum(1).mean() * (1 - 1 / 4), rtol=1e-12, atol=0)


def test_the_three_fishers_differ(device):
    model, data = network().eval(), examples()
    problem = Problem(model, "cross_entropy", data, device=device)
    ones = torch.ones(problem.num_parameters)
    products = [Fisher(problem, kind=kind) @ ones for kind in ("type_ii", "monte_carlo", "empirical")]
    for first, second in ((0, 1), (0, 2), (1, 2)):
        assert relative(products[first], products[second]) > 0.05


def test_solvers_take_them(device):
    model, (x, y) = network().eval(), examples()
    G = GaussNewton(Problem(model, "cross_entropy", (x, y), device=device))
    dense = G.to_dense().cpu()
    assert lanczos(G, k=2, rtol=1e-6).values == pytest.approx(torch.linalg.eigvalsh(dense).flip(0)[:2].numpy())
    assert hutchinson(G, rtol=0.05).value == pytest.approx(float(dense.trace()), rel=0.25)


def test_refusals():
    model, data = network(), examples()

    def custom(model, batch):
        return model(batch[0]).square().mean()

    with pytest.raises(ProblemError, match="criterion"):
        GaussNewton(Problem(model, custom, data))
    with pytest.raises(ProblemError, match="negative log-likelihood"):
        Fisher(Problem(model, nn.L1Loss(), (data[0], torch.zeros(len(data[0]), 4))))
    with pytest.raises(UsageError, match="Did you mean 'empirical'"):
        Fisher(Problem(model, "cross_entropy", data), kind="empiricel")
    with pytest.raises(UsageError, match="at least one sample"):
        Fisher(Problem(model, "cross_entropy", data), kind="monte_carlo", samples=0)
    with pytest.raises(ProblemError, match="one batch needs"):
        _ = GaussNewton(Problem(model, "cross_entropy", data), memory=10) @ torch.ones(88)


def test_half_squared_and_mse_differ_by_the_known_factor(device):
    model, data = network().eval(), examples()
    first, second = (GaussNewton(Problem(model, loss, data, device=device)).to_dense() for loss in (half_squared, mse))
    torch.testing.assert_close(second, first / 2, rtol=1e-12, atol=1e-14)
