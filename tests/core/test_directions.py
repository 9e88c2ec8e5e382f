"""Directions: what they are, how long, what they are invariant to, and which are refused."""

import copy

import numpy as np
import pytest
import torch
from dense_oracle import dense_hessian
from torch import nn

from landscape import Minimum, Problem
from landscape.errors import StorageError, UsageError
from landscape.minimum import SecondMoment
from landscape.surfaces.between import directions_between
from landscape.surfaces.checks import axis_curvatures, lowest
from landscape.surfaces.direction import Direction, angle, check_directions
from landscape.surfaces.eigen_directions import eigen_directions
from landscape.surfaces.gaussian import gaussian_directions
from landscape.surfaces.given_direction import given_directions
from landscape.surfaces.gradient_direction import gradient_direction, update_direction
from landscape.surfaces.grid import SliceGrid, axis_through_zero
from landscape.surfaces.normalization import normalize
from landscape.surfaces.point_evaluation import PointEvaluator
from landscape.surfaces.trajectory import trajectory


def problem_of(activation=nn.Tanh, dtype=torch.float64, device=None):
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(5, 6), activation(), nn.Linear(6, 3)).to(dtype)
    generator = torch.Generator().manual_seed(1)
    x = torch.randn(30, 5, generator=generator, dtype=torch.float64).to(dtype)
    return Problem(model, "cross_entropy", (x, torch.randint(3, (30,), generator=generator)), device=device)


def test_second_difference_along_the_top_eigenvector_is_lambda_max(device):
    problem = problem_of(device=device)
    (x, y), _ = next(problem.batches())
    values = torch.linalg.eigvalsh(dense_hessian(problem.model, nn.functional.cross_entropy, x.cpu(), y.cpu()))
    directions = eigen_directions(problem, problem.theta, top=1, bottom=1, rtol=1e-6)
    axis = axis_through_zero(-0.1, 0.1, 5)
    top, bottom = axis_curvatures(problem, SliceGrid(problem.theta, tuple(directions), (axis, axis)))
    assert directions[0].norm == pytest.approx(1, rel=1e-12)
    assert top.small == pytest.approx(float(values[-1]), rel=1e-3)
    assert bottom.small == pytest.approx(float(values[0]), rel=1e-3)
    assert top.hessian == pytest.approx(float(values[-1]), rel=1e-6)
    assert top.disagreement < 1e-3
    assert top.angle == pytest.approx(90, abs=1e-3)


def test_curvatures_agree_on_smooth_networks_and_float32_and_not_across_a_kink(device):
    for dtype in (torch.float32, torch.float64):
        problem = problem_of(dtype=dtype, device=device)
        grid = SliceGrid(
            problem.theta, tuple(gaussian_directions(problem, problem.theta, 1)), (np.array([-1, 0, 1.0]),)
        )
        (found,) = axis_curvatures(problem, grid)
        assert found.disagreement < 1e-3
    problem = problem_of(nn.ReLU, device=device)
    theta = problem.theta.clone()
    kink = problem.unflatten(theta)
    kink[0][0] = 0.0  # a neuron that is exactly at its kink for every example
    kink[1][0] = 0.0
    grid = SliceGrid(
        theta, tuple(gaussian_directions(problem, theta, 1, normalization="none")), (np.array([-1, 0, 1.0]),)
    )
    (found,) = axis_curvatures(problem, grid)
    assert found.disagreement > 0.01


@pytest.mark.parametrize("how", ["filter", "layer", "global", "none"])
@pytest.mark.parametrize("one_dimensional", ["zero", "keep"])
def test_lengths_of_normalised_directions(how, one_dimensional, device):
    problem = problem_of(device=device)
    (direction,) = gaussian_directions(
        problem, problem.theta, 1, normalization=how, one_dimensional=one_dimensional, seed=2
    )
    for d, w in zip(problem.unflatten(direction.vector), problem.unflatten(problem.theta), strict=True):
        if how in ("filter", "layer") and w.ndim == 1:
            expected = w.norm() if one_dimensional == "keep" else torch.zeros(()).to(w)
            torch.testing.assert_close(d.norm(), expected.double())
        elif how == "filter":
            torch.testing.assert_close(d.norm(dim=1), w.norm(dim=1))
        elif how == "layer":
            torch.testing.assert_close(d.norm(), w.norm())
        else:
            assert d.norm() > 0
    lengths = {"global": float(problem.theta.norm()), "none": 1.0}
    if how in lengths:
        assert direction.norm == pytest.approx(lengths[how], rel=1e-12)
    again = gaussian_directions(problem, problem.theta, 1, normalization=how, one_dimensional=one_dimensional, seed=2)
    assert torch.equal(direction.vector, again[0].vector)


@pytest.mark.parametrize("how", ["filter", "layer"])
def test_rescaled_layers_have_the_same_slice(how, device):
    problem = problem_of(nn.ReLU)
    with torch.no_grad():
        problem.model[0].bias.zero_()
    other = copy.deepcopy(problem.model)
    with torch.no_grad():
        other[0].weight.mul_(7.0)
        other[2].weight.div_(7.0)
    data = tuple(torch.cat(each) for each in zip(*(batch for batch, _ in problem.batches()), strict=True))
    rows = []
    for model in (problem.model, other):
        each = Problem(model, "cross_entropy", data, device=device)
        (direction,) = gaussian_directions(each, each.theta, 1, normalization=how)
        evaluator = PointEvaluator({"train": each})
        rows.append([found["train"].loss for found in evaluator(each.theta + c * direction.vector for c in (-1, 0, 1))])
    np.testing.assert_allclose(rows[0], rows[1], rtol=1e-10)


def test_gradient_and_update(device):
    problem = problem_of(device=device)
    g = problem.gradient()
    down = gradient_direction(problem, problem.theta, length=2.0)
    torch.testing.assert_close(down.vector, -2 * g / g.norm())
    v = torch.rand_like(problem.theta)
    minimum = Minimum(problem, problem.theta, SecondMoment(v, 3, 0.9, 1e-3, "Adam's own"))
    expected = -g / ((v / (1 - 0.9**3)).sqrt() + 1e-3)
    torch.testing.assert_close(update_direction(minimum).vector, expected / expected.norm())
    torch.testing.assert_close(update_direction(Minimum(problem, problem.theta)).vector, -g / g.norm())


def test_plane_through_three_points_holds_them():
    generator = torch.Generator().manual_seed(0)
    thetas = [torch.randn(20, generator=generator, dtype=torch.float64) for _ in range(3)]
    directions, places = directions_between(thetas, ("sgd", "adam", "initial"))
    assert angle(*directions) == pytest.approx(90)
    assert directions[0].norm == pytest.approx(directions[1].norm)
    for theta, place in zip(thetas, places, strict=True):
        found = thetas[0] + sum(c * each.vector for c, each in zip(place, directions, strict=True))
        torch.testing.assert_close(found, theta)
    (line,), places = directions_between(thetas[:2], ("sgd", "adam"))
    assert places == [[0.0], [1.0]]
    torch.testing.assert_close(thetas[0] + line.vector, thetas[1])
    for wrong in (thetas[:1], [*thetas, thetas[0]]):
        with pytest.raises(UsageError):
            directions_between(wrong, ("a", "b", "c", "d")[: len(wrong)])


def test_parallel_and_empty_directions_are_refused_with_their_angle():
    v, w = torch.ones(4, dtype=torch.float64), torch.tensor([1.0, 1.0, 1.0, 1.001], dtype=torch.float64)
    with pytest.raises(UsageError, match=r"'one' and 'two' are parallel: .* 0\.02\d* degrees"):
        check_directions([Direction("one", v, ""), Direction("two", -3 * w, "")])
    with pytest.raises(UsageError, match="parallel"):
        directions_between([0 * v, v, 2 * v], ("a", "b", "c"))
    with pytest.raises(UsageError, match="length 0"):
        directions_between([v, v], ("a", "b"))
    assert angle(Direction("", v, ""), Direction("", torch.tensor([1.0, -1, 1, -1]), "")) == pytest.approx(90)


def test_directions_of_ones_own(tmp_path):
    problem = problem_of()
    rows = np.random.default_rng(0).normal(size=(2, problem.num_parameters))
    np.save(tmp_path / "two.npy", rows)
    np.savez(tmp_path / "named.npz", up=rows[0], down=rows[1])
    found = given_directions(problem, tmp_path / "two.npy")
    np.testing.assert_array_equal(found[1].vector, rows[1])
    assert [each.name for each in given_directions(problem, tmp_path / "named.npz")] == ["up", "down"]
    np.save(tmp_path / "short.npy", rows[:, :5])
    with pytest.raises(UsageError, match=r"shape \(5,\)"):
        given_directions(problem, tmp_path / "short.npy")
    with pytest.raises(StorageError):
        given_directions(problem, tmp_path / "none.npy")


def test_trajectory_in_a_known_plane_is_found():
    generator = torch.Generator().manual_seed(0)
    basis = torch.linalg.qr(torch.randn(30, 2, generator=generator, dtype=torch.float64)).Q.T
    origin = torch.randn(30, generator=generator, dtype=torch.float64)
    steps = [(5.0, 1.0), (3.0, -1.0), (1.0, 0.3), (0.0, 0.0)]
    thetas = [origin + x * basis[0] + y * basis[1] for x, y in steps]
    found = trajectory(thetas)
    assert sum(found.explained) == pytest.approx(1)
    assert found.explained[0] > found.explained[1]
    np.testing.assert_allclose(found.distances, 0, atol=1e-6)
    for theta, place in zip(thetas, found.coordinates, strict=True):
        back = thetas[-1] + sum(c * each.vector for c, each in zip(place, found.directions, strict=True))
        torch.testing.assert_close(back, theta)
    np.testing.assert_array_equal(found.coordinates[-1], 0)
    full = np.linalg.svd(torch.stack([each - thetas[-1] for each in thetas[:-1]]).numpy(), compute_uv=False)
    np.testing.assert_allclose(found.explained, full[:2] ** 2 / (full**2).sum())
    with pytest.raises(UsageError, match="at least 3 checkpoints; there are 2"):
        trajectory(thetas[:2])
    with pytest.raises(UsageError, match="on one line"):
        trajectory([origin, origin + basis[0], origin + 2 * basis[0]])


def test_a_random_walk_has_the_shares_that_are_said():
    generator = torch.Generator().manual_seed(0)
    steps = torch.randn(12, 20000, generator=generator, dtype=torch.float64)
    found = trajectory(list(steps.cumsum(0)))
    np.testing.assert_allclose(found.explained, found.null_explained, atol=0.01)


def test_lowest_point_of_a_slice():
    axis = axis_through_zero(-1, 1, 5)
    grid = SliceGrid(torch.zeros(1), (), (axis, axis))
    a, b = grid.coordinates.T
    found = lowest(grid, (a - 0.5) ** 2 + b**2, np.ones(25, dtype=bool))
    assert found.coordinates == (0.5, 0.0)
    assert not found.at_center
    assert not found.on_edge
    assert lowest(grid, a + 5, np.ones(25, dtype=bool)).on_edge
    assert lowest(grid, 0 * a, np.ones(25, dtype=bool)).at_center


def test_unknown_normalisations_are_refused():
    problem = problem_of()
    for wrong in ({"how": "filters"}, {"one_dimensional": "drop"}):
        with pytest.raises(UsageError):
            normalize(problem, problem.theta, problem.theta, **wrong)
