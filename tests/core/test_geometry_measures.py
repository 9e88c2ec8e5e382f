"""Coordinate-free measures and baselines on deeper networks, against dense float64 matrices and other minimisers."""

import copy
import math

import numpy as np
import pytest
import torch
from dense_gauss_newton import dense_jacobian, dense_sandwich, softmax_matrices
from dense_oracle import dense_hessian
from scipy.optimize import minimize
from torch import nn
from torch.nn import functional as F

from landscape import Minimum, Problem, measure_minimum
from landscape.errors import UsageError
from landscape.measures.measure import registered
from landscape.models import build_model
from landscape.registry import measures

NAMES = ("fisher_rao", "adaptive_trace", "adaptive_top_eigenvalue", "orbit_minimum_trace", "orbit_excess")


def three_layers(activation, widths=(12, 10), inputs=8):
    """A perceptron of three layers, in float64."""
    torch.manual_seed(1)
    return build_model("mlp", (inputs,), 4, options={"widths": widths, "activation": activation}).double()


def data(shape=(8,), count=30, classes=4):
    generator = torch.Generator().manual_seed(2)
    x = torch.randn(count, *shape, generator=generator, dtype=torch.float64)
    return x, torch.randint(classes, (count,), generator=generator)


def at(model, examples, **options):
    problem = Problem(model, "cross_entropy", examples, **options)
    return Minimum(problem, problem.theta)


def value(minimum, name, **options):
    return measure_minimum(minimum, [name], options={name: options})[name]


def gauss_newton(model, x):
    return dense_sandwich(dense_jacobian(model, x), softmax_matrices(model(x)))


def residual_network():
    """A stem, a block with BatchNorm around which the identity goes, and a head: 300 parameters or so."""
    torch.manual_seed(4)

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.stem, self.first, self.second = nn.Conv2d(1, 3, 3), nn.Conv2d(3, 4, 1), nn.Conv2d(4, 3, 1, bias=False)
            self.norm, self.head = nn.BatchNorm2d(3), nn.Linear(3, 4)

        def forward(self, x):
            x = self.stem(x).relu()
            return self.head(F.relu(x + self.norm(self.second(self.first(x).relu()))).mean((2, 3)))

    model = Net().double().eval()
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.normal_()
            module.running_var.uniform_(0.5, 2)
            module.bias.data.normal_()
    return model


@pytest.mark.parametrize(
    ("activation", "inputs", "widths"), [("relu", 8, (12, 10)), ("tanh", 6, (6, 5)), ("relu", 64, (24, 24))]
)
def test_against_dense_matrices(activation, inputs, widths):
    """The last one has 2,260 parameters."""
    model, (x, y) = three_layers(activation, widths, inputs), data((inputs,))
    minimum = at(model, (x, y), batch_size=7)
    theta, H, G = minimum.theta, dense_hessian(model, F.cross_entropy, x, y), gauss_newton(model, x)
    size = theta.abs()
    expected = {
        "fisher_rao": theta @ G @ theta,
        "adaptive_top_eigenvalue": torch.linalg.eigvalsh(size[:, None] * H * size)[-1],
        "adaptive_trace": (theta.square() * H.diag()).sum(),
    }
    for name, exact in expected.items():
        tight = (
            {"rtol": 1e-6} if name == "adaptive_top_eigenvalue" else {"rtol": 0.2} if name == "adaptive_trace" else {}
        )
        found = value(minimum, name, **tight)
        assert abs(found.value - float(exact)) <= (4 if found.error_kind == "standard error" else 1) * found.error
    by_diagonal = value(minimum, "adaptive_trace", matrix="gauss_newton")
    assert by_diagonal.value == pytest.approx(float((theta.square() * G.diag()).sum()), rel=1e-12)
    if activation == "relu":
        assert value(minimum, "adaptive_trace").error_kind == "rounding"


def test_empirical_fisher_rao_is_the_mean_of_squared_directional_derivatives():
    model, (x, y) = three_layers("tanh"), data()
    minimum, squares = at(model, (x, y)), []
    for i in range(len(x)):
        gradient = torch.autograd.grad(F.cross_entropy(model(x[i : i + 1]), y[i : i + 1]), list(model.parameters()))
        along = sum((g * w.detach()).sum() for g, w in zip(gradient, model.parameters(), strict=True))
        squares.append(float(along) ** 2)
    assert value(minimum, "fisher_rao", kind="empirical").value == pytest.approx(np.mean(squares), rel=1e-12)


def test_fisher_rao_of_a_homogeneous_network_is_its_depth_squared_times_a_function_of_outputs():
    """Liang et al. 2019, theorem 3.1, with three layers without biases."""
    torch.manual_seed(0)
    layers = [
        nn.Linear(8, 9, bias=False),
        nn.ReLU(),
        nn.Linear(9, 7, bias=False),
        nn.ReLU(),
        nn.Linear(7, 4, bias=False),
    ]
    model, (x, y) = nn.Sequential(*layers).double(), data()
    f = model(x).detach()
    expected = 9 * torch.einsum("nk,nkl,nl->n", f, softmax_matrices(f), f).mean()
    assert value(at(model, (x, y)), "fisher_rao").value == pytest.approx(float(expected), rel=1e-12)


def by_scipy(model, minimum, G, apply):
    """Minimise the trace of G over scales that ``apply(model, scales)`` puts into a copy, by BFGS in float64."""
    diagonal, theta = G.diag().numpy(), minimum.theta.numpy()
    count = apply(copy.deepcopy(model), None)

    def factors(z):
        scaled = copy.deepcopy(model)
        apply(scaled, torch.from_numpy(np.exp(z)))
        flat = torch.cat([each.detach().reshape(-1) for each in scaled.parameters()]).numpy()
        return np.where(theta == 0, 1.0, flat / np.where(theta == 0, 1.0, theta))

    found = minimize(lambda z: float((diagonal / factors(z) ** 2).sum()), np.zeros(count), options={"gtol": 1e-9})
    return found.fun


def scale_perceptron(model, s):
    """Write the scales of both hidden layers into a three-layer perceptron, by hand."""
    linear = [each for each in model if isinstance(each, nn.Linear)]
    sizes = [each.out_features for each in linear[:-1]]
    if s is None:
        return sum(sizes)
    with torch.no_grad():
        for layer, after, own in zip(linear[:-1], linear[1:], torch.split(s, sizes), strict=True):
            layer.weight.mul_(own[:, None])
            layer.bias.mul_(own)
            after.weight.div_(own)
    return 0


def scale_residual(model, s):
    """The stem and the end of the block share their scales, since they are added; the inner channels have their own."""
    if s is None:
        return 7
    stream, inner = s[:3], s[3:]
    with torch.no_grad():
        model.stem.weight.mul_(stream.view(-1, 1, 1, 1))
        model.stem.bias.mul_(stream)
        model.first.weight.mul_(inner.view(-1, 1, 1, 1) / stream.view(1, -1, 1, 1))
        model.first.bias.mul_(inner)
        model.second.weight.div_(inner.view(1, -1, 1, 1))
        for each in (model.norm.weight, model.norm.bias):
            each.mul_(stream)
        model.head.weight.div_(stream)
    return 0


@pytest.mark.parametrize(
    ("make", "shape", "apply"),
    [
        (lambda: three_layers("relu"), (8,), scale_perceptron),
        (lambda: three_layers("relu", (3, 5)), (8,), scale_perceptron),
        (residual_network, (1, 5, 5), scale_residual),
    ],
)
def test_orbit_minimum_is_what_scipy_finds_for_scales_written_by_hand(make, shape, apply):
    model, (x, y) = make(), data(shape)
    minimum, G = at(model, (x, y)), gauss_newton(model, x)
    found, excess = (value(minimum, name) for name in ("orbit_minimum_trace", "orbit_excess"))
    least = by_scipy(model, minimum, G, apply)
    # numerical gradients leave scipy a little above the minimum
    assert least * (1 - 1e-6) - found.error <= found.value <= least + found.error
    assert found.details["neurons"] == apply(model, None)
    assert found.details["trace"] == pytest.approx(float(G.trace()), rel=1e-12)
    assert excess.value == pytest.approx(float(G.trace()) / found.value, rel=1e-12)
    assert excess.value > 1
    assert found.converged
    assert found.details["duality_gap"] <= 1e-9 * found.value


def test_relative_flatness_of_each_layer_against_the_dense_blocks():
    model, (x, y) = three_layers("tanh", (5, 4)), data()
    minimum, H = at(model, (x, y), batch_size=11, weight_decay=0.3), dense_hessian(model, F.cross_entropy, x, y)
    start = 0
    for name, module in model.named_modules():
        if isinstance(module, nn.Linear):
            W, m = module.weight.detach(), module.in_features
            block = H[start : start + W.numel(), start : start + W.numel()].view(len(W), m, len(W), m)
            exact = torch.einsum("si,ti,sjtj->", W, W, block)
            assert value(minimum, "relative_flatness", layer=name).value == pytest.approx(float(exact), rel=1e-10)
            start += W.numel() + len(W)
    last = value(minimum, "relative_flatness")
    assert "of layer 5" in last.reason
    assert last.value == pytest.approx(float(exact), rel=1e-10)
    with pytest.raises(UsageError, match="no linear or convolutional layer '7'"):
        value(minimum, "relative_flatness", layer="7")


def test_the_last_layer_is_the_last_called_not_the_last_made():
    class Backwards(nn.Module):
        def __init__(self):
            super().__init__()
            self.out, self.hidden, self.unused = nn.Linear(5, 4), nn.Linear(8, 5), nn.Linear(2, 2)

        def forward(self, x):
            return self.out(torch.tanh(self.hidden(x)))

    torch.manual_seed(0)
    found = value(at(Backwards().double(), data()), "relative_flatness")
    assert "of layer out" in found.reason
    assert found.value > 0


def test_relative_flatness_of_a_convolution_by_probes():
    model, (x, y) = residual_network(), data((1, 5, 5))
    minimum, H = at(model, (x, y)), dense_hessian(model, F.cross_entropy, x, y)
    W = model.stem.weight.detach().flatten(1)
    block = H[: W.numel(), : W.numel()].view(3, 9, 3, 9)
    exact = float(torch.einsum("si,ti,sjtj->", W, W, block))
    found = value(minimum, "relative_flatness", layer="stem", rtol=0.02, max_matvecs=5000)
    assert found.converged
    assert found.error_kind == "standard error"
    assert abs(found.value - exact) <= 4 * found.error


def test_weight_decay_is_no_part_of_the_function():
    model, (x, y) = three_layers("relu"), data()
    plain, decayed = at(model, (x, y)), at(model, (x, y), weight_decay=0.7)
    for name in ("fisher_rao", "orbit_minimum_trace", "relative_flatness"):
        assert value(decayed, name).value == pytest.approx(value(plain, name).value, rel=1e-9)
    difference = value(decayed, "adaptive_trace").value - value(plain, "adaptive_trace").value
    assert difference == pytest.approx(0.7 * float(plain.theta.square().sum()), rel=1e-9)


def test_path_norm_counts_every_path_through_batch_norm_pooling_and_skips():
    """Against the linear map that squared weights make, from its action on each input and bias."""
    model, (x, y) = residual_network(), data((1, 5, 5))
    found = value(at(model, (x, y)), "path_norm")

    def squared(conv, v, scale=None, shift=None):
        w = conv.weight.square() if scale is None else (conv.weight * scale.view(-1, 1, 1, 1)).square()
        b = conv.bias.square() if shift is None else shift.square()
        return F.conv2d(v, w, b)

    norm = model.norm
    scale = norm.weight / (norm.running_var + norm.eps).sqrt()
    with torch.no_grad():
        stem = squared(model.stem, torch.ones(1, 1, 5, 5, dtype=torch.float64))
        inner = squared(model.first, stem)
        block = squared(model.second, inner, scale, norm.bias - norm.running_mean * scale)
        pooled = (stem + block).sum((2, 3)) / 9**2
        total = F.linear(pooled, model.head.weight.square(), model.head.bias.square()).sum()
    assert found.value == pytest.approx(math.sqrt(float(total)), rel=1e-12)


@pytest.mark.parametrize("size", [2, (2, 2), (3, 2)])
def test_path_norm_of_means_over_windows(size):
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU(), nn.AvgPool2d(size, stride=1), nn.Flatten())
    shape = model(torch.zeros(1, 1, 6, 6)).shape[1]
    model = nn.Sequential(*model, nn.Linear(shape, 4)).double()
    conv, pool, head = model[0], model[2], model[4]
    with torch.no_grad():
        inner = F.conv2d(torch.ones(1, 1, 6, 6, dtype=torch.float64), conv.weight.square(), conv.bias.square())
        window = math.prod(size) if isinstance(size, tuple) else size**2
        total = F.linear((pool(inner) / window).flatten(1), head.weight.square(), head.bias.square()).sum()
    found = value(at(model, data((1, 6, 6))), "path_norm")
    assert found.value == pytest.approx(math.sqrt(float(total)), rel=1e-12)


def test_a_network_without_curvature_is_at_its_minimum_over_rescalings():
    model = nn.Sequential(nn.Linear(4, 6, bias=False), nn.ReLU(), nn.Linear(6, 2, bias=False)).double()
    with torch.no_grad():
        # no neuron is active on what is positive
        model[0].weight.copy_(-model[0].weight.abs() - 0.1)
    x = torch.rand(9, 4, dtype=torch.float64)
    problem = Problem(model, "half_squared", (x, torch.zeros(9, 2, dtype=torch.float64)))
    found = value(Minimum(problem, problem.theta), "orbit_minimum_trace")
    assert (found.value, found.error, found.converged) == (0.0, 0.0, True)


class Pooled(nn.Module):
    """A convolution, means over windows by a function with what is given by position, and a number."""

    def __init__(self, pool, again):
        super().__init__()
        torch.manual_seed(0)
        self.conv, self.head, self.pool, self.again = nn.Conv2d(1, 2, 3), nn.Linear(8, 4), pool, again

    def forward(self, x):
        return self.head(self.again(self.pool(self.conv(x).relu())).flatten(1))


POOLS = {
    "size": lambda x: F.avg_pool2d(x, 2),
    "size and stride": lambda x: F.avg_pool2d(x, 2, 2),
    "no padding": lambda x: F.avg_pool2d(x, 2, 2, 0),
    "by name": lambda x: F.avg_pool2d(x, kernel_size=2, padding=0),
}
NUMBERS = {
    "times three": (lambda x: x * 3, 9),
    "three times": (lambda x: 3 * x, 9),
    "over four": (lambda x: x / 4, 1 / 16),
    "a number of its own": (lambda x: x * torch.tensor(3.0), 9),
}


@pytest.mark.parametrize("number", NUMBERS)
@pytest.mark.parametrize("pool", POOLS)
def test_path_norm_of_pooling_by_a_function_and_of_numbers(pool, number):
    again, square = NUMBERS[number]
    model = Pooled(POOLS[pool], again).double()
    with torch.no_grad():
        ones = torch.ones(1, 1, 6, 6, dtype=torch.float64)
        inner = F.conv2d(ones, model.conv.weight.square(), model.conv.bias.square())
        inner = square * F.avg_pool2d(inner, 2) / 4
        total = F.linear(inner.flatten(1), model.head.weight.square(), model.head.bias.square()).sum()
    found = value(at(model, data((1, 6, 6))), "path_norm")
    assert found.value == pytest.approx(math.sqrt(float(total)), rel=1e-6 if "own" in number else 1e-12)


@pytest.mark.parametrize(
    "pool", [lambda x: F.avg_pool2d(x, 2, 2, 1)[..., 1:, 1:], lambda x: F.avg_pool2d(x, 3, padding=1)]
)
def test_path_norm_refuses_padded_means(pool):
    found = value(at(Pooled(pool, lambda x: x).double(), data((1, 6, 6))), "path_norm")
    assert found.value is None
    assert "with padding is not known here" in found.reason


@pytest.mark.parametrize("convolution", ["operator", "kernel"])
def test_spectral_norms_of_convolutions(convolution):
    model, (x, y) = residual_network(), data((1, 5, 5))
    found = value(at(model, (x, y)), "spectral_norm_product", convolution=convolution)
    scale = (model.norm.weight / (model.norm.running_var + model.norm.eps).sqrt()).detach().abs()
    unit = torch.eye(25, dtype=torch.float64).view(25, 1, 5, 5)
    stem = (
        F.conv2d(unit, model.stem.weight, None).flatten(1)
        if convolution == "operator"
        else model.stem.weight.flatten(1)
    )
    norms = [stem, model.first.weight.flatten(1), scale[:, None] * model.second.weight.flatten(1), model.head.weight]
    exact = math.prod(float(torch.linalg.matrix_norm(each.detach(), 2)) for each in norms)
    assert found.value == pytest.approx(exact, rel=1e-4)
    assert abs(found.value - exact) <= found.error
    assert list(found.details["norms"]) == ["stem.weight", "first.weight", "second.weight", "head.weight"]


def test_margins_over_spectral_norms():
    minimum = at(three_layers("relu"), data())
    plain, product = value(minimum, "margin").value, value(minimum, "spectral_norm_product").value
    found = value(minimum, "margin", normalized="spectral_norm_product").value
    assert found == pytest.approx(plain / product, rel=1e-12)


def test_no_value_where_there_is_none_and_why():
    regression = Problem(nn.Linear(3, 2), "half_squared", (torch.randn(5, 3), torch.randn(5, 2)))
    found = value(Minimum(regression, regression.theta), "margin")
    assert (found.value, "no classes" in found.reason) == (None, True)
    minimum = at(three_layers("tanh"), data())
    for name, words in {
        "path_norm": "tanh is not positively homogeneous",
        "distance_from_initialization": "initial parameters are not known",
        "learning_rate": "learning rate is not known",
    }.items():
        found = value(minimum, name)
        assert found.value is None
        assert words in found.reason
    vit = build_model("vit", (3, 8, 8), 4, options={"dim": 8, "depth": 1, "heads": 2})
    attention = at(vit, (torch.randn(6, 3, 8, 8), torch.arange(6) % 4))
    for name in ("orbit_minimum_trace", "orbit_excess", "path_norm", "spectral_norm_product"):
        found = value(attention, name)
        assert found.value is None
        assert "attention (softmax)" in found.reason
        assert "Supported" in found.reason or "Defined here" in found.reason


def test_baselines_take_no_part_in_a_verdict():
    for name in ("weight_norm", "distance_from_initialization", "path_norm", "spectral_norm_product", "margin"):
        assert registered(name).sign == 0
        assert registered(name).why_not
    assert {"train_loss", "learning_rate", *NAMES} <= set(measures.names())
