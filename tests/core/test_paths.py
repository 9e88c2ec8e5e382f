"""Paths, barriers, aligned neurons, widths, curvature over a grid: against what is known."""

import copy

import numpy as np
import pytest
import torch
from dense_oracle import dense_hessian
from torch import nn
from torch.nn import functional as F

from landscape import Problem
from landscape.errors import ProblemError, UsageError
from landscape.models import build_model
from landscape.surfaces import neuron_groups as groups_of
from landscape.surfaces.alignment import align
from landscape.surfaces.barrier import barrier
from landscape.surfaces.curve import Curve, straight, train_curve
from landscape.surfaces.direction import Direction
from landscape.surfaces.gaussian import gaussian_directions
from landscape.surfaces.grid import SliceGrid
from landscape.surfaces.grid_curvature import curvature_on_grid
from landscape.surfaces.neuron_groups import neuron_groups
from landscape.surfaces.path import path_profile
from landscape.surfaces.width import adaptive_directions, widths


def digits(count=60, shape=(1, 6, 6), dtype=torch.float64):
    generator = torch.Generator().manual_seed(1)
    x = torch.randn(count, *shape, generator=generator, dtype=torch.float64).to(dtype)
    return x, torch.randint(3, (count,), generator=generator)


def network(seed=0):
    torch.manual_seed(seed)
    return nn.Sequential(
        nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(16, 5), nn.Tanh(),
        nn.Linear(5, 3),
    ).double()  # fmt: skip


def permuted(model, seed=3):
    """Return the same function with its neurons in another order."""
    other, generator = copy.deepcopy(model), torch.Generator().manual_seed(seed)
    p, q = torch.randperm(4, generator=generator), torch.randperm(5, generator=generator)
    with torch.no_grad():
        for module in (other[0], other[1]):
            for each in module.parameters():
                each.copy_(each[p])
        for each in (other[1].running_mean, other[1].running_var):
            each.copy_(each[p])
        other[5].weight.copy_(other[5].weight.view(5, 4, 4)[:, p].flatten(1)[q])
        other[5].bias.copy_(other[5].bias[q])
        other[7].weight.copy_(other[7].weight[:, q])
    return other


def test_permuted_neurons_are_found_again():
    model = network()
    with torch.no_grad():
        model[1].weight.uniform_(0.5, 1.5)
    x, y = digits()
    other = permuted(model)
    torch.testing.assert_close(other.eval()(x), model.eval()(x))
    problem = Problem(model, "cross_entropy", (x, y))
    theta = Problem(other, "cross_entropy", (x, y)).theta
    found = align(problem, problem.theta, theta)
    torch.testing.assert_close(found.theta, problem.theta, rtol=0, atol=0)
    assert found.distance == 0
    assert found.distance_before > 1
    assert found.neurons == 9
    assert [group.size for group in neuron_groups(model)] == [4, 5]


@pytest.mark.parametrize(("name", "options", "sizes"), [
    # one stream of 4, then what each wider stage adds to it, and the inside of each of the nine blocks
    ("resnet20", {"width": 4}, [4, 4, 4, 4, 4, 8, 8, 8, 8, 16, 16, 16]),
    ("resnet20", {"width": 2, "norm": "none"}, [2, 2, 2, 2, 2, 4, 4, 4, 4, 8, 8, 8]),
    ("resnet20", {"width": 2, "skip": False}, [2] * 7 + [4] * 6 + [8] * 6),
    ("resnet18", {"width": 2}, [2, 2, 2, 4, 4, 4, 8, 8, 8, 16, 16, 16]),
    ("vgg11", {"width": 2}, [2, 4, 8, 8, 16, 16, 16, 16]),
])  # fmt: skip
def test_neurons_of_residual_networks_are_found_again(name, options, sizes):
    model = build_model(name, (3, 8, 8), 3, options=options).double()
    x, y = digits(shape=(3, 8, 8), count=20)
    problem = Problem(model, "cross_entropy", (x, y), batch_norm="batch" if name != "resnet20" else "evaluation")
    generator = torch.Generator().manual_seed(3)
    theta = problem.theta + 0.2 * torch.randn(problem.num_parameters, generator=generator, dtype=torch.float64)
    groups = neuron_groups(model)
    assert sorted(group.size for group in groups) == sorted(sizes)
    named = dict(zip(problem.parameter_names, problem.unflatten(theta), strict=True))
    for group in groups:
        order = torch.randperm(group.size, generator=generator)
        for place in group.places:
            named[place.name] = place.permuted(named[place.name], order)
    moved = problem.flatten(list(named.values()))
    assert float((moved - theta).norm()) > 1
    found = align(problem, theta, moved)  # checks that the loss is the same
    torch.testing.assert_close(found.theta, theta, rtol=0, atol=0)
    assert found.neurons == sum(sizes)


def test_aligned_minima_are_no_further_apart_and_compute_the_same():
    problem = Problem(network(0), "cross_entropy", digits())
    theta = Problem(network(7), "cross_entropy", digits()).theta
    found = align(problem, problem.theta, theta)
    assert found.distance < found.distance_before
    assert torch.equal(found.theta.abs().sort().values, theta.abs().sort().values)
    assert found.theta.tolist() == align(problem, problem.theta, theta).theta.tolist()


def test_networks_of_other_kinds_are_refused_and_a_wrong_permutation_noticed(monkeypatch):
    class Skip(nn.Module):
        def __init__(self):
            super().__init__()
            self.inner = nn.Linear(4, 4)

        def forward(self, x):
            return x + self.inner(x)

    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 4), Skip(), nn.Linear(4, 3))
    problem = Problem(model, "cross_entropy", (torch.randn(9, 4), torch.randint(3, (9,))))
    with pytest.raises(UsageError, match="has a Skip"):
        align(problem, problem.theta, problem.theta)
    monkeypatch.setattr(groups_of, "ELEMENTWISE", (*groups_of.ELEMENTWISE, Skip))
    with pytest.raises(ProblemError, match="changed the loss"):
        align(problem, problem.theta, problem.theta + torch.randn(problem.num_parameters))


def test_barrier_by_hand_and_its_interval():
    positions = np.linspace(0, 1, 5)
    means = np.array([0.2, 0.5, 0.9, 0.7, 0.4])
    found = barrier(positions, np.repeat(means[:, None], 7, axis=1))
    assert found.height == pytest.approx(0.9 - 0.3)
    assert found.low == found.high == pytest.approx(0.6)
    assert found.position == 0.5
    assert found.peak == pytest.approx(0.9)
    assert barrier(positions, np.zeros((5, 3))).height == 0
    generator = np.random.default_rng(0)
    inside = []
    for seed in range(60):
        # the middle is above the ends by 1 on average, by an amount that differs between examples
        losses = np.zeros((3, 80))
        losses[1] = 1 + generator.normal(size=80)
        each = barrier(np.array([0, 0.5, 1]), losses, seed=seed)
        inside.append(each.low <= 1 <= each.high)
    assert np.mean(inside) > 0.85
    losses[1, 0] = np.inf
    assert np.isnan(barrier(np.array([0, 0.5, 1]), losses).low)


def test_curves_go_through_their_ends():
    start, end, bend = (torch.tensor(each, dtype=torch.float64) for each in ([0.0, 0], [2.0, 0], [1.0, 3]))
    for kind, middle in (("bezier", [1.0, 1.5]), ("polygonal", [1.0, 3.0]), ("straight", [1.0, 0.0])):
        curve = Curve(kind, start, end, bend)
        assert torch.equal(curve.at(0.0), start)
        assert torch.equal(curve.at(1.0), end)
        assert curve.at(0.5).tolist() == middle
    assert Curve("polygonal", start, end, bend).at(0.25).tolist() == [0.5, 1.5]


class Ring(nn.Module):
    """A loss that is lowest on a circle."""

    def __init__(self, angle):
        super().__init__()
        self.place = nn.Parameter(torch.tensor([np.cos(angle), np.sin(angle)], dtype=torch.float64))

    def forward(self, x):
        return x * (self.place.norm() - 1)


@pytest.mark.parametrize("kind", ["bezier", "polygonal"])
def test_a_trained_curve_goes_around_the_barrier(kind):
    x = torch.ones(8, 1, dtype=torch.float64)
    data = x, torch.zeros_like(x)
    problem = Problem(Ring(0.3), "mse", data)
    start, end = problem.theta, Problem(Ring(2.2), "mse", data).theta
    line = path_profile({"train": problem}, straight(start, end), points=21)
    curve = train_curve(problem, start, end, kind=kind, steps=300, lr=0.02)
    around = path_profile({"train": problem}, curve, points=21)
    assert line.barriers["train"].height == pytest.approx((1 - np.cos(0.95)) ** 2, rel=1e-6)
    assert around.barriers["train"].height < 0.15 * line.barriers["train"].height
    assert line.length == pytest.approx(1)
    assert 1 < around.length < 1.5
    again = train_curve(problem, start, end, kind=kind, steps=300, lr=0.02)
    assert torch.equal(again.bend, curve.bend)
    with pytest.raises(UsageError):
        train_curve(problem, start, end, kind="spline")


def test_profile_of_a_path_equals_a_plain_loop(device):
    x, y = digits()
    problem = Problem(network(0), "cross_entropy", (x, y), batch_size=60, device=device)
    end = Problem(network(7), "cross_entropy", (x, y), device=device).theta
    found = path_profile({"train": problem}, straight(problem.theta, end), points=3, statistics="reestimated")
    for t, loss in zip((0.0, 0.5, 1.0), found.columns["train_loss"], strict=True):
        model = copy.deepcopy(problem.model)
        nn.utils.vector_to_parameters(((1 - t) * problem.theta + t * end).cpu(), model.parameters())
        model[1].momentum = None
        model[1].reset_running_stats()
        with torch.no_grad():
            model.train()(x)
            assert loss == pytest.approx(float(F.cross_entropy(model.eval()(x), y)), rel=1e-12)


def quadratic():
    """Return L = (1 + 4 a^2 + b^2) / 2 on two parameters, at its minimum."""

    class Two(nn.Module):
        def __init__(self):
            super().__init__()
            self.place = nn.Parameter(torch.zeros(2, dtype=torch.float64))

        def forward(self, x):
            return (1 + 4 * self.place[0] ** 2 + self.place[1] ** 2).sqrt() * x

    x = torch.ones(4, 1, dtype=torch.float64)
    return Problem(Two(), lambda outputs, targets: (outputs - targets).square().mean() / 2, (x, 0 * x))


def test_widths_of_a_quadratic():
    problem = quadratic()
    directions = [
        Direction("a", torch.tensor([1.0, 0], dtype=torch.float64), ""),
        Direction("b", torch.tensor([0.0, 2], dtype=torch.float64), ""),
        Direction("flat", torch.tensor([0.0, 1e-6], dtype=torch.float64), ""),
    ]
    found = widths(problem, problem.theta, directions, kind="axes", factor=5.0, most=100.0)
    np.testing.assert_allclose(found.coordinates, [1.0, 1.0, np.inf], rtol=0.006)
    np.testing.assert_allclose(found.distances[:2], [1.0, 2.0], rtol=0.006)
    assert found.quantiles()["0.95"] == np.inf
    with pytest.raises(UsageError):
        widths(problem, problem.theta, directions, kind="axes", factor=1.0)


def test_adaptive_directions_follow_the_size_of_each_weight():
    problem = Problem(network(), "cross_entropy", digits())
    theta = problem.theta.clone()
    theta[3] = 0
    (direction,) = adaptive_directions(problem, theta, 1)
    assert direction.vector[3] == 0
    assert direction.norm == pytest.approx(float(theta.norm()))
    scaled = theta * torch.linspace(0.1, 3, len(theta), dtype=torch.float64)
    (other,) = adaptive_directions(problem, scaled, 1)
    ratio = (other.vector / scaled) / (direction.vector / theta)
    kept = ratio[torch.isfinite(ratio)]
    torch.testing.assert_close(kept, kept[0].expand_as(kept))


def test_curvature_over_a_grid_equals_the_dense_hessian(device):
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 5), nn.Tanh(), nn.Linear(5, 3)).double()
    generator = torch.Generator().manual_seed(0)
    x, y = torch.randn(20, 4, generator=generator, dtype=torch.float64), torch.randint(3, (20,), generator=generator)
    problem = Problem(model, "cross_entropy", (x, y), device=device)
    grid = SliceGrid(problem.theta, tuple(gaussian_directions(problem, problem.theta, 1)), (np.array([-0.5, 0, 0.5]),))
    found = curvature_on_grid(problem, grid, ("gradient_norm", "eigenvalues"), rtol=1e-6)
    for index, place in enumerate(grid.coordinates):
        moved = copy.deepcopy(model)
        nn.utils.vector_to_parameters(grid.point(place).cpu(), moved.parameters())
        values = torch.linalg.eigvalsh(dense_hessian(moved, F.cross_entropy, x, y))
        assert found["top_eigenvalue"][index] == pytest.approx(float(values[-1]), rel=1e-6)
        assert found["bottom_eigenvalue"][index] == pytest.approx(float(values[0]), rel=1e-6)
        assert found["eigenvalue_ratio"][index] == pytest.approx(abs(float(values[0] / values[-1])), rel=1e-6)
        loss = F.cross_entropy(moved(x), y)
        gradient = torch.autograd.grad(loss, list(moved.parameters()))
        norm = float(torch.cat([each.flatten() for each in gradient]).norm())
        assert found["gradient_norm"][index] == pytest.approx(norm, rel=1e-12)
        assert found["converged"][index] == 1
    # a process that was killed after any point goes on there
    kept = []
    curvature_on_grid(problem, grid, ("gradient_norm", "eigenvalues"), rtol=1e-6, save=kept.append, every=0.0)
    told = []
    again = curvature_on_grid(
        problem,
        grid,
        ("gradient_norm", "eigenvalues"),
        rtol=1e-6,
        done=kept[0],
        on_progress=lambda done, most: told.append(done),
    )
    assert told == list(range(2, grid.size + 1))
    for name, column in found.items():
        np.testing.assert_array_equal(again[name], column)
