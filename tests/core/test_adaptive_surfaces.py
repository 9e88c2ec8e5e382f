"""Few points stand for a grid, with an error that is measured; killed and gone on, the result is the same."""

import numpy as np
import pytest
import torch
from torch import nn

from landscape import Problem
from landscape.errors import UsageError
from landscape.ranks import ALONE
from landscape.surfaces.adaptive import fill_adaptively
from landscape.surfaces.gaussian import gaussian_directions
from landscape.surfaces.grid import SliceGrid, axis_through_zero, axis_with_one, odd_points
from landscape.surfaces.grid_values import COMPUTED, INTERPOLATED, LOWER_BOUND, GridValues
from landscape.surfaces.point_evaluation import PointEvaluator, PointValues


class Landscape:
    """Stands for an evaluator: a function of the coordinates, which are the parameters themselves."""

    ranks = ALONE

    def __init__(self, function):
        self.function, self.count = function, 0

    def at(self, theta):
        return {"train": PointValues(float(self.function(*theta.tolist())), None)}

    def __call__(self, points):
        for theta in points:
            self.count += 1
            yield self.at(theta)


class Axis:
    def __init__(self, vector):
        self.vector = vector


def plane(points=51, radius=1.0, dimensions=2):
    unit = torch.eye(dimensions, dtype=torch.float64)
    axis = axis_through_zero(-radius, radius, points)
    return SliceGrid(torch.zeros(dimensions, dtype=torch.float64), tuple(map(Axis, unit)), (axis,) * dimensions)


def exact(grid, function):
    return np.array([function(*each) for each in grid.coordinates])


def bowl(x, y):
    return 0.01 + (x - 0.1) ** 2 + 3 * y**2 + x * y


def kinked(x, y):
    return 0.05 + abs(x - 0.3) + max(0.0, y + 0.2) ** 2


@pytest.mark.parametrize(("function", "most"), [(bowl, 300), (kinked, 900)])
def test_error_is_below_the_tolerance_and_few_points_are_computed(function, most):
    grid = plane()
    values = GridValues(grid, Landscape(function))
    filled = fill_adaptively(values, 0.01)
    truth = np.log(exact(grid, function))
    error = np.abs(np.log(values.columns["train_loss"]) - truth) / np.ptp(truth)
    assert filled.computed == values.computed.sum() <= most
    assert filled.errors["train_loss"] <= 0.01
    assert np.quantile(error, 0.97) < 0.01
    computed = values.status == COMPUTED
    np.testing.assert_allclose(values.columns["train_loss"][computed], np.exp(truth)[computed], rtol=1e-13)
    assert (values.status[~computed] == INTERPOLATED).all()
    assert computed[grid.center]


def test_noise_is_not_interpolated_away():
    generator = np.random.default_rng(0)
    noise = dict(zip(map(tuple, plane(21).coordinates.tolist()), generator.random(441), strict=True))
    values = GridValues(plane(21), Landscape(lambda x, y: 1 + noise[(x, y)]))
    assert fill_adaptively(values).computed == 441


@pytest.mark.parametrize("dimensions", [1, 3])
def test_lines_and_volumes(dimensions):
    def function(*c):
        return 0.1 + sum((each - 0.2) ** 2 for each in c)

    grid = plane(101 if dimensions == 1 else 13, dimensions=dimensions)
    values = GridValues(grid, Landscape(function))
    filled = fill_adaptively(values)
    truth = np.log(exact(grid, function))
    assert np.abs(np.log(values.columns["train_loss"]) - truth).max() < 0.02 * np.ptp(truth)
    assert filled.computed < 0.6 * filled.points


def test_infinite_losses_stay_and_the_rest_is_right():
    def function(x, y):
        return np.inf if x > 0.8 else 0.1 + x**2 + y**2

    grid = plane(31)
    values = GridValues(grid, Landscape(function))
    fill_adaptively(values)
    computed = values.computed
    truth = exact(grid, function)
    np.testing.assert_array_equal(np.isinf(values.columns["train_loss"][computed]), np.isinf(truth[computed]))
    assert not np.isnan(values.columns["train_loss"]).any()


class Killed(Exception):
    pass


@pytest.mark.parametrize("exactly", [True, False])
def test_going_on_after_kills_gives_the_same_arrays(exactly):
    def run(done=None, kill_after=10**9):
        kept = []

        def save(columns):
            kept.append({name: each.copy() for name, each in columns.items()})
            if len(kept) >= kill_after:
                raise Killed

        evaluator = Landscape(kinked)
        values = GridValues(plane(21), evaluator, done=done, save=save, every=0.0)
        try:
            values.need_all() if exactly else fill_adaptively(values, seed=4)
        except Killed:
            return kept[-1], False, evaluator.count
        return values.state(), True, evaluator.count

    whole, _, cost = run()
    generator = np.random.default_rng(1)
    state, finished, spent = None, False, 0
    while not finished:
        state, finished, count = run(state, int(generator.integers(1, 40)))
        spent += count
    assert spent == cost
    for name, column in whole.items():
        np.testing.assert_array_equal(state[name], column)


def network():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 6), nn.Tanh(), nn.Linear(6, 3))


def test_paired_standard_error_of_a_subset_holds():
    generator = torch.Generator().manual_seed(0)
    x, y = torch.randn(400, 4, generator=generator), torch.randint(3, (400,), generator=generator)
    problem = Problem(network(), "cross_entropy", (x, y))
    directions = gaussian_directions(problem, problem.theta, 1)
    grid = SliceGrid(problem.theta, tuple(directions), (axis_through_zero(-1, 1, 3),))

    def values(of):
        found = GridValues(grid, PointEvaluator({"train": of}, per_example=True), populations={"train": 400})
        found.need_all()
        return found.columns

    truth = values(problem)
    assert truth["train_loss_error"].max() == 0  # all examples: nothing is left to chance
    difference = truth["train_loss"][0] - truth["train_loss"][1]
    ratios = []
    for seed in range(40):
        found = values(problem.subset(60, seed))
        assert found["train_loss_error"][1] == 0
        ratios.append((found["train_loss"][0] - found["train_loss"][1] - difference) / found["train_loss_error"][0])
    assert 0.75 < np.std(ratios) < 1.25


def test_early_ended_points_are_marked():
    problem = Problem(network(), "half_squared", (torch.randn(40, 4), torch.zeros(40, dtype=torch.long)), batch_size=8)
    directions = gaussian_directions(problem, problem.theta, 1)
    grid = SliceGrid(problem.theta, tuple(directions), (axis_through_zero(-50, 50, 5),))
    values = GridValues(grid, PointEvaluator({"train": problem}, ceiling=2 * problem.loss()))
    values.need_all()
    assert values.status.tolist() == [LOWER_BOUND, LOWER_BOUND, COMPUTED, LOWER_BOUND, LOWER_BOUND]


def test_axes_hold_zero_exactly():
    np.testing.assert_array_equal(axis_through_zero(-1, 1, 5), [-1, -0.5, 0, 0.5, 1])
    for low, high, points in ((-0.3, 2.0, 21), (0.0, 1.0, 11), (-1.7, 0.1, 31), (-1e-9, 1.0, 5)):
        axis = axis_through_zero(low, high, points)
        assert len(axis) == points
        assert (axis == 0).sum() == 1
        assert axis[0] <= low + 1e-12
        assert axis[-1] >= high - 1e-12
    axis = axis_with_one(0.25, 51)
    assert (axis == 0).sum() == (axis == 1).sum() == 1
    assert axis[0] <= -0.25
    assert axis[-1] >= 1.25
    assert odd_points(21) == (21, "")
    assert [odd_points(each)[0] for each in (0, 1, 2, 20)] == [3, 3, 3, 21]
    assert "21, not 20" in odd_points(20)[1]
    with pytest.raises(UsageError):
        axis_through_zero(0.5, 1, 5)
    with pytest.raises(UsageError):
        axis_through_zero(-1, 1, 1)
