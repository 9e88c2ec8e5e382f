import dataclasses
import json
import math

import numpy as np
import pytest
import torch
from dense_oracle import dense_hessian
from estimator_problems import Counted, matrix_with
from scipy.stats import wasserstein_distance
from torch import nn
from torch.nn import functional as F

from landscape import Dense, Lambda
from landscape.data import load_dataset
from landscape.errors import UsageError
from landscape.solvers import SpectralDensity, find_outliers, spectral_density
from landscape.solvers.estimate import student_factor
from landscape.solvers.lanczos_quadrature import quadrature
from landscape.solvers.probes import sphere

NINE = np.array([*np.linspace(60, 30, 9), *np.linspace(4, -1, 291)])


def exact_mass(values, low, high):
    return np.mean((values >= low) & (values <= high))


@pytest.fixture(scope="module")
def network():
    """The Hessian of a slightly trained digits network of 2,410 parameters, and its eigenvalues, largest first."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Flatten(), nn.Linear(64, 32), nn.Tanh(), nn.Linear(32, 10)).double()
    x, y = (each[:80] for each in load_dataset("digits").train)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.3, momentum=0.9)
    for _ in range(12):
        optimizer.zero_grad()
        F.cross_entropy(model(x.double()), y).backward()
        optimizer.step()
    H = dense_hessian(model, F.cross_entropy, x, y)
    assert H.shape == (2410, 2410)
    return H, torch.linalg.eigvalsh(H).numpy()[::-1]


@pytest.fixture(scope="module")
def density(network):
    return spectral_density(Dense(network[0]), num_probes=5)


def by_hand(nodes, weights, resolved=()):
    """Return a density of twelve eigenvalues with these quadratures, a row a probe."""
    resolved = np.array(resolved, dtype=float)
    return SpectralDensity(
        nodes=np.array(nodes, dtype=float), weights=np.array(weights, dtype=float), resolved=resolved,
        residuals=np.zeros(len(resolved)), n=12, matvecs=0, steps=4, seed=0, converged=True, reason="by hand",
    )  # fmt: skip


def test_numbers_of_a_density_that_is_written_by_hand():
    found = by_hand([[-3, -1, 0.5, 5]], [[0.2, 0.3, 0.4, 0.1]])
    # about zero the nodes are as far apart as those to either side of it
    assert found.resolution == 1.5
    # rounding may leave the sum of the weights below a share of one
    assert found.quantile(1.0) == found.quantile(1.0 + 1e-12) == 5
    assert found.quantile(0.0) == -3
    # an interval in which nothing has to be
    assert found.mass(1, 2).least == 0
    # what the first and the last node stand for may lie beyond them
    assert found.mass(-4, 6).least == pytest.approx(0.7)


def test_a_bulk_ends_at_its_last_node_that_has_weight():
    found = by_hand([[-1, 0.5, 1, 9.5]], [[0.25, 0.25, 0.25, 0]], resolved=[10, 9, 8])
    assert (found.above.count, found.above.gap, found.above.bulk_edge) == (3, 8.0, 1.0)


def test_distance_to_the_exact_spectrum_of_a_network(network, density):
    _, exact = network
    span = exact[0] - exact[-1]
    values, weights = density.distribution()
    assert weights.sum() == pytest.approx(1)
    ours = wasserstein_distance(exact, values, v_weights=weights) / span
    point_mass = wasserstein_distance(exact, [0.0]) / span
    assert ours < point_mass / 10
    assert ours < 1e-3


def test_printed_in_two_lines(network, density):
    first, second = str(density).split("\n")
    assert first.startswith("2410 eigenvalues, about ")
    assert f"to {network[1][0]:.4g}, " in first
    assert f"trace {density.trace().value:.4g} ± " in first
    assert second.startswith(f"{density.matvecs} products, 5 probes of ")


def test_trace_of_a_network(network, density):
    _, exact = network
    trace = density.trace()
    assert abs(trace.value - exact.sum()) < 4 * trace.error
    assert trace.error < 0.1 * exact.sum()
    second, error = density.moment(2)
    assert abs(second - np.mean(exact**2)) < 4 * error


def test_resolved_eigenvalues_and_outliers_of_a_network(network, density):
    _, exact = network
    for found, values in ((density.above, exact), (density.below, exact[::-1])):
        k = len(found.values)
        assert k >= 1
        # each of the leading ones once: none missed, none twice
        assert np.all(np.abs(found.values - values[:k]) <= found.residuals)
        assert found.count == find_outliers(values[: k + 1]).count
        assert found.gap == pytest.approx(find_outliers(values[: k + 1]).gap, rel=1e-3)
    assert len(density.above.values) > 11


def test_mass_near_zero_of_a_network(network, density):
    _, exact = network
    near = density.to_dict()["near_zero"]
    threshold = near["threshold"]
    truth = exact_mass(exact, -threshold, threshold)
    assert threshold <= 0.02 * exact[0]
    assert abs(near["value"] - truth) <= near["error"]
    assert near["error"] >= near["standard_error"]
    for threshold in np.array([1e-4, 1e-3, 1e-2, 1e-1]) * exact[0]:
        mass = density.mass(-threshold, threshold)
        truth = exact_mass(exact, -threshold, threshold)
        assert mass.least - 4 * mass.standard_error <= truth <= mass.most + 4 * mass.standard_error


def test_cumulative_distribution_of_a_network(network, density):
    _, exact = network
    grid = np.array([-0.5, 0.01, 0.03, 0.1, 0.3, 0.8]) * exact[0]
    value, error = density.cumulative(grid)
    truth = np.array([np.mean(exact <= each) for each in grid])
    # what a node of this quadrature cannot tell, besides the spread over probes
    assert np.all(np.abs(value - truth) <= 4 * error + 0.01)
    assert np.all(np.diff(value) >= 0)
    assert density.quantile(0.95) == pytest.approx(np.quantile(exact, 0.95), rel=0.3)


def test_smoothed_density_integrates_to_one_on_both_axes(density):
    numbers = density.to_dict()
    assert numbers["above"]["count"] + numbers["below"]["count"] <= 10
    for kind in ("linear", "symlog"):
        curve = numbers[kind]
        grid = np.array(curve["grid"])
        if curve["linear_below"]:
            grid = np.arcsinh(grid / curve["linear_below"])
        total = np.trapezoid(curve["density"], grid)
        outliers = numbers["above"]["count"] + numbers["below"]["count"]
        assert total == pytest.approx(1 - outliers / density.n, abs=2e-3)


def test_nine_outliers_of_nine(device):
    density = spectral_density(Dense(matrix_with(NINE).to(device)), steps=40)
    assert density.above.count == 9
    assert density.above.gap == pytest.approx(30 / 4, rel=0.02)
    assert density.above.bulk_edge == pytest.approx(4, rel=0.02)
    np.testing.assert_allclose(density.above.values[:9], NINE[:9], rtol=1e-6)
    assert density.below.count == 0


def test_errors_are_the_actual_spread_over_seeds():
    A = Dense(matrix_with(NINE))
    found = [spectral_density(A, num_probes=4, steps=24, seed=seed) for seed in range(60)]
    off = np.array([each.trace().value for each in found]) - NINE.sum()
    errors = np.array([each.trace().error for each in found])
    assert abs(off.mean()) < 4 * off.std() / math.sqrt(60)
    assert np.sqrt((errors**2).mean()) == pytest.approx(off.std(), rel=0.3)
    masses = [each.mass(0.5, 2.0) for each in found]
    off = np.array([each.value for each in masses]) - exact_mass(NINE, 0.5, 2.0)
    errors = np.array([each.standard_error for each in masses])
    assert np.mean(np.abs(off) <= 3 * errors) > 0.85
    assert np.sqrt((errors**2).mean()) == pytest.approx(off.std(), rel=0.35)
    grid = np.array([0.3, 1.0, 2.5])
    curves = [each.density(grid, 0.3) for each in found], [each.cumulative(grid) for each in found]
    for values, errors in (np.moveaxis(np.array(each), 1, 0) for each in curves):
        # these are of the spread of four probes
        np.testing.assert_allclose(np.sqrt((errors**2).mean(0)), student_factor(3) * values.std(0), rtol=0.35)


def test_splitting_off_the_outliers_pays():
    A = matrix_with(NINE)
    density = spectral_density(Dense(A), num_probes=8, steps=40)
    plain = math.sqrt(2 * float((A * A).sum()) / 8)
    assert density.trace().error < plain / 5


def test_error_falls_as_one_over_the_root_of_the_probes():
    A = Dense(matrix_with(NINE))
    few, many = (spectral_density(A, num_probes=p, steps=20).trace().error for p in (8, 128))
    assert few / many == pytest.approx(4, rel=0.4)


def test_orthogonality_is_kept():
    """Without reorthogonalisation the leading value comes back as ghost copies in a basis far from orthogonal."""
    A = matrix_with(np.array([1e4, 3e3, *np.linspace(1, 0, 198)]), dtype=torch.float32)
    found = quadrature(Dense(A), sphere(200, 1).float(), 80, torch.empty(0, 200))
    basis = found.combined(np.eye(found.matvecs))
    gram = basis.T @ basis
    assert float((gram - torch.eye(80)).abs().max()) < 1e-5
    assert (found.nodes > 100).sum() == 2
    assert found.weights.sum() == pytest.approx(1)


def test_quadrature_is_exact_for_polynomials():
    A = matrix_with(np.linspace(-1, 2, 50))
    q = sphere(50, 3) / math.sqrt(50)
    found = quadrature(Dense(A), q, 6, torch.empty(0, 50, dtype=torch.float64))
    for power in range(12):
        exact = float(q @ torch.linalg.matrix_power(A, power) @ q)
        assert (found.weights * found.nodes**power).sum() == pytest.approx(exact, rel=1e-10, abs=1e-12)


def test_repeated_leading_eigenvalues_are_all_counted(device):
    values = np.array([9.0, 9.0, 9.0, 8.0, *np.linspace(1, 0, 96)])
    # after 12 steps: many more, and rounding alone brings the copies into the first probe's space
    A = Dense(matrix_with(values).to(device))
    density = spectral_density(A, steps=12)
    np.testing.assert_allclose(density.above.values[:4], values[:4], rtol=1e-6)
    assert density.converged
    trace = density.trace()
    assert abs(trace.value - values.sum()) <= 4 * trace.error + 1e-9
    too_few = spectral_density(A, steps=12, num_probes=2)
    assert not too_few.converged
    assert "repeated" in too_few.reason


@pytest.mark.parametrize(
    "values",
    [[2.5] * 30, [0.0] * 30, [1.0, -1.0] * 20, [3.0], [1.0, 2.0], [5.0, -3.0] + [0.0] * 60, list(range(1, 13))],
    ids=["identity", "zero", "two clusters", "one", "two", "low rank", "all resolved"],
)
def test_small_and_degenerate_operators(values):
    density = spectral_density(Dense(matrix_with(values)), steps=20)
    points, weights = density.distribution()
    assert weights.sum() == pytest.approx(1)
    trace = density.trace()
    scale = max(np.abs(values).sum(), 1.0)
    assert abs(trace.value - sum(values)) <= (0 if math.isinf(trace.error) else 5 * trace.error) + 1e-9 * scale
    assert wasserstein_distance(values, points, v_weights=weights) <= 0.25 * scale / len(values) + 1e-12
    json.dumps(density.to_dict(num_classes=10), allow_nan=False)


def test_products_are_counted_and_probes_repeat():
    A = Counted(matrix_with(NINE))
    density = spectral_density(A, num_probes=3, steps=25)
    assert density.matvecs == A.count == 75
    assert density.nodes.shape == (3, 25)
    again, other = (spectral_density(A, num_probes=3, steps=25, seed=seed) for seed in (0, 1))
    np.testing.assert_array_equal(density.nodes, again.nodes)
    assert np.abs(density.nodes - other.nodes).max() > 0
    more = spectral_density(A, num_probes=4, steps=25)
    np.testing.assert_array_equal(density.nodes[:, :20], more.nodes[:3, :20])


def test_stops_on_the_standard_error_of_the_trace(device):
    A = Counted(matrix_with(NINE).to(device))
    density = spectral_density(A, rtol=0.05, steps=30, num_probes=50)
    trace = density.trace()
    assert density.converged
    assert trace.error <= 0.05 * abs(trace.value)
    assert density.matvecs == A.count < 50 * 30
    never = spectral_density(A, rtol=1e-9, steps=20, num_probes=3)
    assert not never.converged
    assert "num_probes" in never.reason


def test_a_single_probe_has_no_error():
    density = spectral_density(Dense(matrix_with(NINE)), num_probes=1, steps=30)
    assert math.isinf(density.trace().error)
    assert density.to_dict()["trace"]["error"] is None


def test_shares_add_up_and_shift_with_the_operator():
    A = matrix_with(NINE)
    density = spectral_density(Dense(A), steps=30)
    assert density.mass(-10, 100).value == pytest.approx(1)
    np.testing.assert_allclose(density.weights.sum(1), 1 - len(density.resolved) / 300)
    doubled = spectral_density(Dense(2 * A), steps=30)
    np.testing.assert_allclose(doubled.trace().value, 2 * density.trace().value, rtol=1e-9)
    halves = dataclasses.replace(density, resolved=density.resolved[:0], residuals=density.residuals[:0])
    assert halves.above.count == 0


def test_outliers_by_definition():
    assert find_outliers(np.array([9.0, 8.0, 7.0, 2.0, 1.9])).count == 3
    assert find_outliers(np.array([9.0, 8.0, 7.0, 2.0, 1.9])).bulk_edge == 2.0
    assert find_outliers(-np.array([9.0, 3.0, 2.5])).bulk_edge == -3.0
    none = find_outliers(np.array([1.3, 1.2, 1.0, 0.8]))
    assert (none.count, none.bulk_edge, none.gap_after) == (0, None, 3)
    assert not none.clear
    assert find_outliers(np.array([1.0])).count == find_outliers(np.empty(0)).count == 0
    nothing = find_outliers(np.array([1.0]))
    assert (nothing.gap, nothing.gap_after, nothing.bulk_edge) == (1.0, 0, None)
    alone = find_outliers(np.array([3.0, 2.9]), edge=1.0)
    assert (alone.count, alone.bulk_edge, alone.gap) == (2, 1.0, 2.9)


def test_zeros_are_no_bulk():
    """A ratio to zero, or to what rounding leaves of one, makes no outliers of all that is not zero."""
    assert find_outliers(np.array([3.0]), edge=0.0).count == 0
    slow = 1.1 ** -np.arange(46.0)
    assert find_outliers(np.array([*slow, *[1e-7] * 6])).count == 0
    assert find_outliers(np.array([*slow, *[1e-7] * 6])).gap == pytest.approx(1.1)
    # ratios far down in a tail that falls over many powers of ten say nothing about the first ones
    assert find_outliers(np.array([9.0, 8.0, 2.0, 1.5, 5e-3, 1e-3, 2e-4])).gap_after == 4
    assert find_outliers(np.array([1.0, 0.9, 4e-4, 1e-4])).count == 2
    assert find_outliers(np.array([1.0, 0.9, 0.8, 1e-3 * 0.9, 1e-4])).gap == pytest.approx(800)
    for dtype in (torch.float32, torch.float64):
        density = spectral_density(Dense(matrix_with(np.array([*slow, *[0.0] * 7]), dtype=dtype)))
        assert (density.above.count, density.below.count) == (0, 0)
        json.dumps(density.to_dict(), allow_nan=False)


def test_bad_requests_and_products():
    A = Dense(torch.eye(10))
    for options in ({"num_probes": 0}, {"steps": 1}, {"rtol": 0.0}, {"rtol": math.nan}):
        with pytest.raises(UsageError):
            spectral_density(A, **options)
    with pytest.raises(FloatingPointError, match="nan"):
        spectral_density(Lambda(lambda v: v * math.nan, 10))
