import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from landscape import Dense, Lambda, hutchinson, lanczos, power_iteration
from landscape.errors import UsageError
from landscape.solvers.eigenpairs import kato_temple


def matrix_with(values, seed=0, dtype=torch.float64):
    generator = torch.Generator().manual_seed(seed)
    Q, _ = torch.linalg.qr(torch.randn(len(values), len(values), generator=generator, dtype=torch.float64))
    A = Q @ torch.diag(torch.tensor(list(values), dtype=torch.float64)) @ Q.T
    return ((A + A.T) / 2).to(dtype)


SPECTRA = {
    "outliers": [50.0, 20.0, 10.0, *np.linspace(1, 0, 60)],
    "negative dominates": [2.0, 1.0, *np.linspace(0.5, -5, 40)],
    "plus and minus the same": [3.0, *np.linspace(1, -1, 30), -3.0],
    "all negative": [-1.0, -2.0, -4.0, -8.0],
    "identity": [2.5] * 12,
    "zero": [0.0] * 6,
    "one": [7.0],
}


@pytest.mark.parametrize("name", SPECTRA)
@pytest.mark.parametrize("solver", [lanczos, power_iteration])
def test_top_value_is_the_largest_algebraic_one(name, solver, device):
    values = np.sort(SPECTRA[name])[::-1]
    pairs = solver(Dense(matrix_with(values).to(device)), rtol=1e-4)
    assert pairs.converged, pairs.reason
    assert abs(pairs.values[0] - values[0]) <= pairs.bounds[0] + 1e-12
    assert pairs.residuals[0] <= 1e-4 * abs(values[0]) * 1.001 + 1e-12
    # that no larger one is there is known to some ten tolerances, or as far as half as many products more tell
    assert pairs.bounds[0] <= max(pairs.residuals[0], 1e-2 * abs(values[0]))


def test_largest_magnitude_is_not_largest_value():
    for solver in (lanczos, power_iteration):
        pairs = solver(Dense(torch.diag(torch.tensor([1.0, -2.0, 0.5], dtype=torch.float64))))
        assert pairs.values[0] == pytest.approx(1.0, abs=1e-3)


@pytest.mark.parametrize("solver", [lanczos, power_iteration])
def test_several_pairs_with_vectors_and_true_residuals(solver, device):
    values = np.array(SPECTRA["outliers"])
    A = matrix_with(values)
    pairs = solver(Dense(A.to(device)), k=3, rtol=1e-5)
    assert pairs.converged
    np.testing.assert_allclose(pairs.values, values[:3], rtol=1e-4)
    assert np.all(np.diff(pairs.values) <= 0)
    vectors = pairs.vectors.cpu()
    residuals = (A @ vectors - vectors * torch.from_numpy(pairs.values.copy())).norm(dim=0)
    assert np.all(residuals.numpy() <= pairs.residuals * (1 + 1e-6) + 1e-10)
    torch.testing.assert_close(vectors.norm(dim=0), torch.ones(3, dtype=torch.float64))


def test_no_ghost_copies_after_many_steps():
    values = np.array([100.0, 3.0, *np.linspace(2, 0, 200)])
    pairs = lanczos(Dense(matrix_with(values, dtype=torch.float32)), k=6, rtol=1e-5, max_matvecs=150)
    np.testing.assert_allclose(pairs.values, values[:6], rtol=1e-3)


def test_matvecs_are_counted_and_the_limit_holds():
    calls = []
    A = matrix_with(np.linspace(1, 0.9, 80))

    def product(v):
        calls.append(1)
        return A @ v

    for solver in (lanczos, power_iteration):
        calls.clear()
        pairs = solver(Lambda(product, 80, torch.float64), rtol=1e-9, max_matvecs=7)
        assert pairs.matvecs == len(calls) == 7
        assert not pairs.converged
        assert "max_matvecs" in pairs.reason


def test_warm_start_costs_less(device):
    A = Dense(matrix_with([5.0, 4.0, *np.linspace(3, 0, 100)]).to(device))
    cold = lanczos(A, rtol=1e-6)
    warm = lanczos(A, rtol=1e-6, start=cold.vectors[:, 0])
    assert warm.matvecs < cold.matvecs / 2
    assert abs(warm.values[0] - 5) <= warm.bounds[0] + 1e-12


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.floats(-10, 10, allow_subnormal=False), min_size=2, max_size=25),
    st.integers(0, 10_000),
    st.integers(1, 12),
)
def test_there_is_an_eigenvalue_within_every_residual(values, seed, steps):
    exact = np.sort(values)[::-1]
    A = Dense(matrix_with(exact, seed))
    for solver in (lanczos, power_iteration):
        pairs = solver(A, rtol=1e-12, max_matvecs=steps, seed=seed)
        distance = np.abs(exact[None, :] - pairs.values[:, None]).min(axis=1)
        assert np.all(distance <= pairs.residuals + 1e-12)


def test_float32_bounds_hold_against_rounding(device):
    for seed in range(40):
        values = np.sort(np.random.default_rng(seed).normal(size=60))[::-1] ** 3
        A = matrix_with(values, seed, torch.float32)
        exact = np.linalg.eigvalsh(A.double().numpy())[::-1]
        pairs = lanczos(Dense(A.to(device)), k=2, rtol=1e-7, max_matvecs=60, seed=seed)
        assert np.all(np.abs(pairs.values - exact[:2]) <= pairs.bounds)


def test_kato_temple_is_the_theorem():
    """2x2: Ritz value of a vector at angle t from the top of diag(1, 0)."""
    t = 0.1
    theta, residual = np.cos(t) ** 2, abs(np.sin(t) * np.cos(t))
    bound = kato_temple(np.array([theta, 0.0]), np.array([residual, 0.0]))[0]
    assert bound == pytest.approx(residual**2 / theta)
    assert 1 - theta <= bound
    assert np.isinf(kato_temple(np.array([1.0]), np.array([0.1]))[0])
    assert np.isinf(kato_temple(np.array([1.0, 0.95]), np.array([0.1, 0.1]))[0])


def test_hutchinson_is_exact_on_diagonals_and_unbiased_elsewhere():
    d = torch.arange(1.0, 21.0, dtype=torch.float64)
    estimate = hutchinson(Dense(torch.diag(d)))
    assert estimate.value == pytest.approx(210)
    assert estimate.error == pytest.approx(0, abs=1e-10)
    A = matrix_with([30.0, *np.linspace(2, -1, 40)])
    exact = float(A.trace())
    runs = [hutchinson(Dense(A), rtol=1e-9, max_matvecs=40, seed=seed) for seed in range(200)]
    means = np.array([each.value for each in runs])
    theory = np.sqrt(2 * float((A - torch.diag(A.diag())).square().sum()) / 40)
    assert abs(means.mean() - exact) < 4 * theory / np.sqrt(200)
    assert means.std() == pytest.approx(theory, rel=0.2)
    assert np.mean([each.error for each in runs]) == pytest.approx(theory, rel=0.1)
    assert not runs[0].converged


def test_hutchinson_stops_on_its_own_standard_error(device):
    A = Dense(matrix_with([30.0, *np.linspace(2, 0, 40)]).to(device))
    coarse, fine = (hutchinson(A, rtol=rtol, max_matvecs=100_000) for rtol in (0.1, 0.02))
    assert coarse.converged
    assert fine.converged
    assert fine.error <= 0.02 * abs(fine.value)
    assert fine.matvecs > 8 * coarse.matvecs


def test_seeds_decide_and_repeat():
    A = Dense(matrix_with(np.linspace(1, 0, 50), dtype=torch.float32))
    for solver in (lanczos, power_iteration, hutchinson):
        options = {"max_matvecs": 20}
        first, again, other = (solver(A, seed=seed, **options) for seed in (1, 1, 2))
        pick = (lambda e: e.value) if solver is hutchinson else (lambda e: e.values[0])
        assert pick(first) == pick(again)
        assert pick(first) != pick(other)


@pytest.mark.parametrize(
    "call",
    [
        lambda A: lanczos(A, k=4),
        lambda A: lanczos(A, k=0),
        lambda A: lanczos(A, rtol=-1),
        lambda A: lanczos(A, max_matvecs=0),
        lambda A: power_iteration(A, k=4),
        lambda A: power_iteration(A, rtol=0),
        lambda A: hutchinson(A, rtol=float("nan")),
        lambda A: hutchinson(A, min_matvecs=1),
    ],
)
def test_bad_requests_are_refused(call):
    with pytest.raises(UsageError):
        call(Dense(torch.eye(3)))


def test_power_iteration_never_settles_on_a_negative_eigenvalue():
    for low in (-2.0, -12.0, -20.0, -30.0, -100.0, -1000.0):
        A = Dense(torch.diag(torch.tensor([low, 1.0, 0.5], dtype=torch.float64)))
        for seed in range(20):
            pairs = power_iteration(A, seed=seed, max_matvecs=20_000)
            assert pairs.converged
            assert abs(pairs.values[0] - 1) <= pairs.bounds[0] + 1e-12


@pytest.mark.parametrize("solver", [lanczos, power_iteration, hutchinson])
def test_products_that_are_not_finite_end_at_once(solver):
    with pytest.raises(FloatingPointError, match="nan"):
        solver(Lambda(lambda v: v * float("nan"), 10))
