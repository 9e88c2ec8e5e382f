"""Models and losses made to fool the recognition of layers and the cheap derivatives; each is right or refused."""

import pytest
import torch
from dense_gauss_newton import dense_jacobian, dense_sandwich
from dense_oracle import dense_hessian
from torch import nn
from torch.nn import functional as F
from torch.nn.utils.parametrizations import weight_norm

from landscape import Dense, Fisher, GaussNewton, Hessian, Lambda, Problem, hutchinson, spectral_density, xtrace
from landscape.diagonal import check_piecewise_linear
from landscape.errors import ProblemError
from landscape.solvers import hessian_trace, hutchpp


def examples(shape=(6,), count=24, classes=4, seed=1):
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(count, *shape, generator=generator, dtype=torch.float64)
    return x, torch.randint(classes, (count,), generator=generator)


class HeadFirst(nn.Module):
    """Its read-out is registered before its trunk, and six layers lie beside: a probe of some tensors sees little."""

    def __init__(self, trick):
        super().__init__()
        self.head = nn.Linear(6, 4)
        self.rest = nn.ModuleList(nn.Linear(6, 6) for _ in range(3))
        self.trunk = nn.Linear(6, 6)
        self.trick = trick

    def forward(self, x):
        h = self.trick(self.trunk(x).relu(), self)
        for layer in self.rest:
            h = h + layer(h).relu()
        return self.head(h)


class Swish(torch.autograd.Function):
    """What a compiled or scripted function is to the recognition of calls: it is not seen."""

    generate_vmap_rule = True

    @staticmethod
    def forward(x):
        return torch.relu(x)

    @staticmethod
    def setup_context(ctx, inputs, output):
        ctx.save_for_backward(*inputs)

    @staticmethod
    def backward(ctx, g):
        return g * ctx.saved_tensors[0].sigmoid()


TRICKS = {
    "a transpose used again": lambda h, m: F.linear(h, m.trunk.weight.T),
    "a view used again": lambda h, m: F.linear(h, m.trunk.weight.view(6, 6)),
    "an unseen function": lambda h, m: Swish.apply(h),
    "examples mixed": lambda h, m: h - h.mean(0),
    "weights that are activations": lambda h, m: F.linear(h, h[:1].expand(6, 6)),
    "normalised by activations": lambda h, m: F.batch_norm(
        h, torch.zeros(6).double(), torch.ones(6).double(), h.mean(0)
    ),
    "a product of activations": lambda h, m: h * h.roll(1, 1),
    "a matrix product of activations": lambda h, m: (h[:, :, None] @ h[:, None, :]).sum(2),
    "a gate by where": lambda h, m: torch.where(h > 0.1, h * h, h),
    "an outer function": lambda h, m: torch.einsum("ni,nj->ni", h, h),
}


@pytest.mark.parametrize("name", TRICKS)
def test_what_is_not_piecewise_linear_is_never_exact(name):
    for seed in range(4):
        torch.manual_seed(seed)
        model = HeadFirst(TRICKS[name]).double()
        problem = Problem(model, "cross_entropy", examples())
        assert not check_piecewise_linear(problem, seed=seed).holds


def test_the_same_without_a_trick_is_exact():
    model, (x, y) = HeadFirst(lambda h, m: h + 1).double(), examples()
    trace = hessian_trace(Hessian(Problem(model, "cross_entropy", (x, y), batch_size=7)))
    assert trace.method == "exact"
    assert trace.value == pytest.approx(float(dense_hessian(model, F.cross_entropy, x, y).trace()), rel=1e-11)


class Flat(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Linear(6, 5), nn.Linear(5, 1)

    def forward(self, x):
        return self.b(self.a(x).relu())[:, 0]


@pytest.mark.parametrize("loss", [nn.HuberLoss(delta=0.5), nn.SmoothL1Loss(), nn.BCEWithLogitsLoss(), nn.MSELoss()])
def test_outputs_with_one_dimension(loss):
    torch.manual_seed(0)
    model, (x, _) = Flat().double(), examples()
    y = (x[:, 0] > 0).double() if isinstance(loss, nn.BCEWithLogitsLoss) else x[:, 0] * 2
    trace = hessian_trace(Hessian(Problem(model, loss, (x, y), batch_size=7)))
    assert trace.method == "exact", trace.reason
    assert trace.value == pytest.approx(float(dense_hessian(model, loss, x, y).trace()), rel=1e-10)


def test_soft_targets_that_do_not_add_up_to_one():
    torch.manual_seed(0)
    model, (x, _) = nn.Sequential(nn.Linear(6, 5), nn.ReLU(), nn.Linear(5, 4)).double(), examples()
    y = torch.rand(24, 4, dtype=torch.float64)
    trace = hessian_trace(Hessian(Problem(model, F.cross_entropy, (x, y))))
    assert trace.value == pytest.approx(float(dense_hessian(model, F.cross_entropy, x, y).trace()), rel=1e-10)


def test_the_trace_with_ignored_targets_is_over_those_that_count():
    x, y = examples()
    y[3:9] = -100
    model = nn.Sequential(nn.Linear(6, 5), nn.ReLU(), nn.Linear(5, 4)).double()
    exact = float(dense_hessian(model, F.cross_entropy, x, y).trace())
    trace = hessian_trace(Hessian(Problem(model, nn.CrossEntropyLoss(), (x, y), batch_size=7)), rtol=0.01)
    assert abs(trace.value - exact) <= 4 * trace.error + 1e-9


class Computed(nn.Module):
    """A convolution whose weights are made of others: the value of the gradient by them is needed."""

    def __init__(self):
        super().__init__()
        self.v, self.g = nn.Parameter(torch.randn(3, 2, 3, 3)), nn.Parameter(torch.rand(3, 1, 1, 1) + 0.5)
        self.out = nn.Linear(3, 4)

    def forward(self, x):
        return self.out(F.conv2d(x, self.v * self.g).tanh().mean((2, 3)))


def test_computed_weights_even_where_the_first_examples_have_no_residual():
    torch.manual_seed(0)
    model, (x, _) = Computed().double(), examples((2, 6, 6), 80)
    with torch.no_grad():
        y = model(x)
        y[40:] += torch.randn(40, 4, dtype=torch.float64)

    def half_squared(outputs, targets):
        return 0.5 * (outputs - targets).square().sum() / len(outputs)

    exact = dense_hessian(model, half_squared, x, y)
    v = torch.randn(len(exact), dtype=torch.float64)
    assert (Hessian(Problem(model, "half_squared", (x, y))) @ v - exact @ v).norm() < 1e-12 * (exact @ v).norm()


def test_weight_normalisation_is_written_out():
    """torch._weight_norm has a wrong second derivative in 2.13: against differences of the gradient."""
    torch.manual_seed(0)
    model = nn.Sequential(weight_norm(nn.Linear(6, 5)), nn.Tanh(), weight_norm(nn.Linear(5, 4))).double()
    problem = Problem(model, "cross_entropy", examples())
    v = torch.randn(problem.num_parameters, dtype=torch.float64)
    theta, step = problem.theta, 1e-5
    difference = (problem.gradient(theta + step * v) - problem.gradient(theta - step * v)) / (2 * step)
    assert (Hessian(problem) @ v - difference).norm() < 1e-7 * difference.norm()


class Crooked(torch.autograd.Function):
    """A function whose gradient is not that of anything: its derivative is not symmetric."""

    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x.square().sum(1, keepdim=True)

    @staticmethod
    def backward(ctx, g):
        (x,) = ctx.saved_tensors
        return 2 * g * (x + 0.5 * x.roll(1, 1))


def test_a_second_derivative_that_is_not_symmetric_is_refused():
    class Bent(nn.Module):
        def __init__(self):
            super().__init__()
            self.a = nn.Linear(6, 5)

        def forward(self, x):
            return Crooked.apply(self.a(x))

    x, _ = examples()
    H = Hessian(Problem(Bent().double(), "half_squared", (x, x[:, :1])))
    with pytest.raises(ProblemError, match="not symmetric"):
        _ = H @ torch.ones(H.shape[0])


class Force(nn.Module):
    """The output is the gradient of an energy by the input."""

    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Conv1d(1, 3, 3), nn.Linear(12, 1)

    def forward(self, x):
        x = x[:, None].clone().requires_grad_()
        energy = self.b(self.a(x).tanh().flatten(1)).sum()
        return torch.autograd.grad(energy, x, create_graph=True)[0][:, 0]


def test_gauss_newton_of_a_model_that_differentiates_in_its_forward_pass():
    torch.manual_seed(0)
    model, (x, _) = Force().double(), examples()
    outputs = torch.eye(6, dtype=torch.float64).expand(24, 6, 6)
    parameters = list(model.parameters())
    rows = [
        torch.autograd.grad(each, parameters, retain_graph=True, materialize_grads=True)
        for each in model(x).reshape(-1)
    ]
    jacobian = torch.stack([torch.cat([each.reshape(-1) for each in row]) for row in rows]).view(24, 6, -1)
    exact = dense_sandwich(jacobian, outputs)
    G = GaussNewton(Problem(model, "half_squared", (x, torch.zeros(24, 6, dtype=torch.float64)))).to_dense()
    assert (G - exact).norm() < 1e-12 * exact.norm()


def test_fisher_of_outputs_with_positions_is_refused():
    model = nn.Sequential(nn.Linear(6, 12), nn.Unflatten(1, (4, 3))).double()
    x, _ = examples()
    y = torch.randint(4, (24, 3))
    for kind in ("type_ii", "monte_carlo"):
        with pytest.raises(ProblemError, match="examples, classes"):
            _ = Fisher(Problem(model, nn.CrossEntropyLoss(), (x, y)), kind=kind) @ torch.ones(84)
    exact = dense_hessian(model, nn.CrossEntropyLoss(), x, y).trace()
    trace = hessian_trace(Hessian(Problem(model, nn.CrossEntropyLoss(), (x, y))))
    assert trace.value == pytest.approx(float(exact), rel=1e-10)


@pytest.mark.parametrize("estimator", [hutchinson, hutchpp, xtrace, spectral_density])
def test_estimators_notice_operators_that_are_not_symmetric(estimator):
    A = torch.randn(60, 60, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    with pytest.raises(ProblemError, match="not symmetric"):
        estimator(Lambda(lambda v: A @ v, 60, torch.float64))
    estimator(Dense(A + A.T))


class Unseen(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Linear(6, 6), nn.Linear(6, 4)

    def forward(self, x):
        with torch.no_grad():
            h = self.a(x)
        return self.b(torch.flatten(input=h.relu(), start_dim=1))


def test_layers_without_a_gradient_do_not_break_the_trace():
    model, (x, y) = Unseen().double(), examples()
    trace = hessian_trace(Hessian(Problem(model, "cross_entropy", (x, y))), rtol=0.05)
    exact = float(dense_hessian_with_zeros(model, x, y))
    assert abs(trace.value - exact) <= max(4 * trace.error, 1e-9)


def dense_hessian_with_zeros(model, x, y):
    jacobian = dense_jacobian(model.b, model.a(x).relu().detach())
    p = model(x).softmax(1).detach()
    return dense_sandwich(jacobian, torch.diag_embed(p) - p[:, :, None] * p[:, None, :]).trace()
