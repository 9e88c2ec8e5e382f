"""The exact diagonal and trace by backward passes, against the dense Hessian in float64."""

import numpy as np
import pytest
import torch
from dense_gauss_newton import dense_jacobian, dense_sandwich, softmax_matrices
from dense_oracle import dense_hessian
from torch import nn
from torch.nn import functional as F

from landscape import Hessian, Minimum, Problem, measure_minimum
from landscape.diagonal import (
    check_piecewise_linear,
    gauss_newton_diagonal,
    gauss_newton_squares,
    gauss_newton_trace,
    sampled_squares,
)
from landscape.errors import ProblemError, UsageError
from landscape.models import build_model
from landscape.solvers import hessian_diagonal, hessian_trace
from landscape.solvers.hessian_trace import _rest_is_small


def examples(shape=(2, 8, 8), count=12, classes=5):
    generator = torch.Generator().manual_seed(1)
    x = torch.randn(count, *shape, generator=generator, dtype=torch.float64)
    return x, torch.randint(classes, (count,), generator=generator)


def conv_net(activation, **options):
    return nn.Sequential(
        nn.Conv2d(2, 4, 3, padding=1, stride=2, **options),
        nn.BatchNorm2d(4),
        activation,
        nn.Conv2d(4, 4, 3, groups=2, padding="same"),
        nn.LeakyReLU(0.1),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(16, 5),
    )


class Functional(nn.Module):
    """A network whose forward is functions, not modules, with a residual connection and a constant factor."""

    def __init__(self):
        super().__init__()
        self.a, self.b, self.c = nn.Linear(6, 7), nn.Linear(7, 7), nn.Linear(7, 5, bias=False)

    def forward(self, x):
        h = torch.relu(self.a(x))
        return self.c(0.5 * (h + F.relu_(self.b(h))) - 1)


class Residual(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Conv2d(2, 3, 3, padding=1, bias=False), nn.Conv2d(3, 3, 3, padding=1, bias=False)
        self.n, self.m = nn.BatchNorm2d(3), nn.BatchNorm2d(3)
        self.relu, self.out = nn.ReLU(inplace=True), nn.Linear(3, 5)

    def forward(self, x):
        before = self.relu(self.n(self.a(x)))
        after = self.m(self.b(before))
        after += before
        return self.out(self.relu(after).mean((2, 3)))


PIECEWISE_LINEAR = {
    "convolution, batch norm": (lambda: conv_net(nn.ReLU()), (2, 8, 8)),
    "in-place": (lambda: conv_net(nn.ReLU(inplace=True)), (2, 8, 8)),
    "dilation, no bias": (lambda: conv_net(nn.ReLU6(), bias=False), (2, 8, 8)),
    "one dimension": (
        lambda: nn.Sequential(
            nn.Conv1d(3, 4, 3, dilation=2), nn.ReLU(), nn.AvgPool1d(2), nn.Flatten(), nn.Linear(12, 5)
        ),
        (3, 10),
    ),
    "three dimensions": (
        lambda: nn.Sequential(nn.Conv3d(1, 2, 2), nn.ReLU(), nn.AdaptiveAvgPool3d(2), nn.Flatten(), nn.Linear(16, 5)),
        (1, 4, 4, 4),
    ),
    "the package's own": (lambda: build_model("cnn", (1, 12, 12), 5, options={"channels": (3, 4)}), (1, 12, 12)),
    "functional": (Functional, (6,)),
    "residual": (lambda: Residual(), (2, 6, 6)),
    "tokens": (
        lambda: nn.Sequential(nn.Linear(4, 6), nn.ReLU(), nn.Linear(6, 3), nn.Flatten(), nn.Linear(9, 5)),
        (3, 4),
    ),
}


@pytest.mark.parametrize("name", PIECEWISE_LINEAR)
@pytest.mark.parametrize("loss", ["cross_entropy", "half_squared"])
def test_every_element_of_the_diagonal_of_piecewise_linear_networks(name, loss, device):
    torch.manual_seed(0)
    make, shape = PIECEWISE_LINEAR[name]
    model, (x, y) = make().double().eval(), examples(shape)
    problem = Problem(model, loss, (x, y), batch_size=5, weight_decay=0.01, device=device)
    exact = dense_hessian(model, problem.require_criterion(), x, y).diagonal() + 0.01
    found = hessian_diagonal(Hessian(problem)).cpu()
    assert float((found - exact).abs().max()) < 1e-13 * float(exact.abs().max())
    trace = hessian_trace(Hessian(problem))
    assert trace.method == "exact"
    assert trace.converged
    assert trace.matvecs == 0
    assert trace.passes == (4 if loss == "cross_entropy" else 5)
    assert abs(trace.value - float(exact.sum())) <= trace.error


CURVED = {
    "tanh": lambda: conv_net(nn.Tanh()),
    "gelu": lambda: conv_net(nn.GELU()),
    "layer_norm": lambda: nn.Sequential(nn.Flatten(), nn.Linear(128, 6), nn.LayerNorm(6), nn.ReLU(), nn.Linear(6, 5)),
    "group_norm": lambda: nn.Sequential(
        nn.Conv2d(2, 4, 3), nn.GroupNorm(2, 4), nn.ReLU(), nn.Flatten(), nn.Linear(144, 5)
    ),
    "sigmoid": lambda: nn.Sequential(nn.Flatten(), nn.Linear(128, 4), nn.Sigmoid(), nn.Linear(4, 5)),
}


@pytest.mark.parametrize("name", CURVED)
def test_gauss_newton_of_smooth_networks_and_their_trace_by_probes(name, device):
    torch.manual_seed(0)
    model, (x, y) = CURVED[name]().double().eval(), examples()
    problem = Problem(model, "cross_entropy", (x, y), batch_size=7, device=device)
    G = dense_sandwich(dense_jacobian(model, x), softmax_matrices(model(x))).diagonal()
    found = gauss_newton_diagonal(problem).cpu()
    assert float((found - G).abs().max()) < 1e-13 * float(G.max())
    H = dense_hessian(model, F.cross_entropy, x, y).trace()
    assert abs(float(H) - float(G.sum())) > 1e-3 * abs(float(H))
    check = check_piecewise_linear(problem)
    assert not check.holds
    assert name in check.why
    estimate = hessian_trace(Hessian(problem), rtol=0.05, seed=3)
    assert estimate.method == "hutchinson"
    assert name in estimate.reason
    assert abs(estimate.value - float(H)) < 4 * estimate.error
    varied = hessian_trace(Hessian(problem), method="gauss_newton", rtol=1e-9, seed=3, max_matvecs=400)
    assert varied.matvecs == 400
    assert abs(varied.value - float(H)) < 4 * varied.error
    with pytest.raises(ProblemError, match=name):
        hessian_trace(Hessian(problem), method="exact")


def test_near_a_fit_the_gauss_newton_matrix_is_a_control_variate_that_pays():
    torch.manual_seed(0)
    model, (x, y) = nn.Sequential(nn.Linear(16, 24), nn.Tanh(), nn.Linear(24, 5)).double(), examples((16,), 40)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.02)
    found = {}
    for step in range(401):
        if step in (0, 400):
            H = Hessian(Problem(model, "cross_entropy", (x, y)))
            found[step] = (
                hessian_trace(H, rtol=0.01, seed=1),
                float(dense_hessian(model, F.cross_entropy, x, y).trace()),
            )
        optimizer.zero_grad()
        F.cross_entropy(model(x), y).backward()
        optimizer.step()
    assert found[0][0].method in ("xtrace", "hutchinson")
    assert found[400][0].method == "gauss_newton"
    assert found[400][0].converged
    for estimate, exact in found.values():
        assert abs(estimate.value - exact) < 4 * estimate.error
    assert 32 <= found[400][0].matvecs < 60


class Disguised(nn.Module):
    """Its functions all look piecewise linear; what its backward pass does is not."""

    class Bent(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x.abs()

        @staticmethod
        def backward(ctx, g):
            return g * ctx.saved_tensors[0].tanh()

    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Linear(6, 7), nn.Linear(7, 5)

    def forward(self, x):
        return self.b(self.Bent.apply(self.a(x)))


def test_a_disguised_network_is_found_out():
    problem = Problem(Disguised().double(), "cross_entropy", examples((6,)))
    check = check_piecewise_linear(problem)
    assert not check.holds
    assert "Bent" in check.why


class Tied(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Linear(6, 6), nn.Linear(6, 5)

    def forward(self, x):
        return self.b(torch.relu(self.a(torch.relu(self.a(x)))))


class Scaling(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.gamma = nn.Linear(6, 9), nn.Parameter(torch.ones(9))

    def forward(self, x):
        return torch.relu(self.a(x)) * self.gamma


class TokensAsRows(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Linear(3, 5), nn.Linear(10, 5)

    def forward(self, x):
        return self.b(torch.relu(self.a(x.reshape(-1, 3))).reshape(len(x), -1))


class SequenceFirst(TokensAsRows):
    def forward(self, x):
        return self.b(torch.relu(self.a(x.view(-1, 2, 3).transpose(0, 1))).transpose(0, 1).flatten(1))


@pytest.mark.parametrize(
    ("model", "options", "words"),
    [
        (TokensAsRows(), {}, "not one row an example"),
        (SequenceFirst(), {}, "not one row an example"),
        (Tied(), {}, "a.weight is used more than once"),
        (Scaling(), {}, "gamma is used by mul"),
        (nn.Sequential(nn.Linear(6, 9), nn.BatchNorm1d(9), nn.ReLU()), {"batch_norm": "batch"}, "statistics"),
    ],
)
def test_what_cannot_be_had_by_layers_is_said(model, options, words):
    problem = Problem(model.double(), "cross_entropy", examples((6,)), **options)
    with pytest.raises(ProblemError, match=words):
        gauss_newton_diagonal(problem)
    assert words in hessian_trace(Hessian(problem), rtol=0.2).reason


def test_embedding_sums_equal_tokens_before_squaring(device):
    torch.manual_seed(0)
    model = nn.Sequential(nn.Embedding(7, 3), nn.Flatten(), nn.Linear(12, 5)).double()
    x, y = torch.randint(7, (9, 4), generator=torch.Generator().manual_seed(0)), examples((1,), 9)[1]
    exact = dense_sandwich(dense_jacobian(model, x), softmax_matrices(model(x))).diagonal()
    found = gauss_newton_diagonal(Problem(model, "cross_entropy", (x, y), device=device))
    torch.testing.assert_close(found.cpu(), exact, rtol=1e-12, atol=1e-15)


def test_any_convex_criterion_through_its_own_hessian(device):
    torch.manual_seed(0)
    model, (x, y) = Functional().double(), examples((6,))

    def logistic(outputs, targets):
        return F.binary_cross_entropy_with_logits(outputs, F.one_hot(targets, 5).to(outputs)) * 3

    problem = Problem(model, logistic, (x, y), batch_size=5, device=device)
    exact = dense_hessian(model, logistic, x, y).diagonal()
    torch.testing.assert_close(hessian_diagonal(Hessian(problem)).cpu(), exact, rtol=1e-10, atol=1e-14)

    def concave(outputs, targets):
        return -outputs.square().mean()

    with pytest.raises(ProblemError, match="not convex"):
        gauss_newton_diagonal(Problem(model, concave, (x, y)))


def test_sampled_labels_are_unbiased_with_an_honest_error():
    torch.manual_seed(0)
    model, (x, y) = conv_net(nn.ReLU()).double().eval(), examples(count=30)
    for loss in ("cross_entropy", "mse"):
        problem = Problem(model, loss, (x, y), batch_size=11)
        exact = gauss_newton_trace(problem)
        draws = np.array([float(sampled_squares(problem, index=i).diagonal.sum()) for i in range(200)])
        assert abs(draws.mean() - exact) < 4 * draws.std() / 200**0.5
        runs = [hessian_trace(Hessian(problem), method="sampled", rtol=0.05, seed=seed) for seed in range(40)]
        assert all(each.converged and each.method == "sampled" and each.passes >= 2 for each in runs)
        scores = np.array([(each.value - exact) / each.error for each in runs])
        assert 0.6 < scores.std() < 1.6
        whole = Problem(model, loss, (x, y))
        torch.testing.assert_close(
            sampled_squares(whole, seed=4).diagonal, sampled_squares(problem, seed=4).diagonal, rtol=1e-10, atol=1e-14
        )


def test_memory_cuts_batches_into_pieces_with_the_same_result(device):
    model, data = conv_net(nn.ReLU()).double().eval(), examples(count=30)
    problem = Problem(model, "cross_entropy", data, device=device)
    whole, pieces = (gauss_newton_squares(problem, memory=memory) for memory in (2**30, 1))
    torch.testing.assert_close(pieces.diagonal, whole.diagonal, rtol=1e-12, atol=1e-15)
    torch.testing.assert_close(pieces.by_example, whole.by_example, rtol=1e-12, atol=1e-15)
    assert float(whole.by_example.mean()) == pytest.approx(float(whole.diagonal.sum()))


def test_float32_is_exact_to_its_rounding(device):
    torch.manual_seed(0)
    model, (x, y) = conv_net(nn.ReLU()), examples()
    exact = gauss_newton_trace(Problem(model.double(), "cross_entropy", (x, y)))
    found = hessian_trace(Hessian(Problem(model.float(), "cross_entropy", (x.float(), y), device=device)))
    assert abs(found.value - exact) <= found.error
    assert found.error < 1e-5 * exact


@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e6])
@pytest.mark.parametrize("target", [0.0, 30.0])
def test_whether_the_rest_is_small_does_not_depend_on_units(scale, target):
    """Near a fit H is its Gauss-Newton part, far from it (with a tanh) it is not."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(6, 20), nn.Tanh(), nn.Linear(20, 3)).double()
    x = torch.randn(40, 6, dtype=torch.float64)
    y = model(x).detach() + target * torch.randn(40, 3, dtype=torch.float64)
    hessian = Hessian(Problem(model, lambda f, y: scale * (f - y).square().sum(1).mean(), (x, y)))
    assert _rest_is_small(hessian, 0) == (target == 0)


@pytest.mark.parametrize("seed", [0, 3, 7, 10])
def test_confident_outputs_lose_no_mass(seed):
    """Softmax saturated to one class in float32: the factor's columns must not become nan.

    Products of 1e-27 beside gradients of 100 are rounding, not an operation whose second derivative is wrong.
    """
    torch.manual_seed(seed)
    model = nn.Sequential(nn.Flatten(), nn.Linear(128, 5))
    with torch.no_grad():
        model[1].weight.mul_(1000)
    x, y = examples()
    found = hessian_trace(Hessian(Problem(model, "cross_entropy", (x.float(), y))))
    assert found.value >= 0
    assert np.isfinite(found.value)


@pytest.mark.parametrize("method", ["hutchinson", "hutchpp", "xtrace"])
def test_ways_by_name(method, device):
    torch.manual_seed(0)
    problem = Problem(conv_net(nn.ReLU()).double(), "cross_entropy", examples(), device=device)
    exact = gauss_newton_trace(problem)
    found = hessian_trace(Hessian(problem), method=method, rtol=0.05, seed=1)
    assert found.method == method
    assert abs(found.value - exact) < 5 * found.error + 1e-9


def test_refusals():
    problem = Problem(nn.Linear(3, 2), "cross_entropy", (torch.randn(4, 3), torch.tensor([0, 1, 0, 1])))
    with pytest.raises(UsageError, match="Did you mean 'exact'"):
        hessian_trace(Hessian(problem), method="exakt")
    with pytest.raises(UsageError, match="rtol"):
        hessian_trace(Hessian(problem), rtol=-1.0)

    def custom(model, batch):
        return model(batch[0]).square().mean()

    found = hessian_trace(Hessian(Problem(nn.Linear(40, 2), custom, (torch.randn(4, 40),))))
    assert found.method == "xtrace"
    assert "criterion" in found.reason or "outputs of the model" in found.reason


class Product(nn.Module):
    """a b x, of two parameters."""

    def __init__(self, dtype):
        super().__init__()
        self.a, self.b = (nn.Parameter(torch.tensor(each, dtype=dtype)) for each in (3.0, 1 / 3))

    def forward(self, x):
        return self.a * self.b * x


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_a_small_network_is_multiplied_out_and_not_probed(dtype, device):
    """(ab - 1)^2 / 2 at ab = 1: the Hessian is [[b^2, 1], [1, a^2]], whose probes scatter by 2."""
    one = torch.ones(4, 1, dtype=dtype)
    problem = Problem(Product(dtype), lambda outputs, y: 0.5 * (outputs - y).square().mean(), (one, one), device=device)
    minimum = Minimum(problem, problem.theta)
    for rtol in (0.05, 0.01):
        found = hessian_trace(minimum.hessian, rtol=rtol)
        assert found.method == "exact"
        assert abs(found.value - (9 + 1 / 9)) <= found.error <= 1e-4
    measured = measure_minimum(minimum, ["trace", "adaptive_trace", "frobenius_norm"])
    for name, exact in (("trace", 9 + 1 / 9), ("adaptive_trace", 2.0), ("frobenius_norm", 9 + 1 / 9)):
        assert abs(measured[name].value - exact) <= measured[name].error <= 1e-4
    assert sum(each.matvecs for each in measured.values()) <= 4
