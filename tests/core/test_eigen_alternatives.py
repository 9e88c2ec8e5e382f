"""Every solver that has a name: the same answers, the same honesty."""

import numpy as np
import pytest
import torch
from known_spectra import matrix_with

from landscape import Dense, Lambda, lanczos
from landscape.errors import LandscapeError, ProblemError, UsageError
from landscape.solvers import EIGEN_SOLVERS, eigen_solver

SPECTRA = {
    "outliers": [50.0, 20.0, 10.0, *np.linspace(1, 0, 60), -5.0, -9.0],
    "negative dominates": [2.0, 1.0, *np.linspace(0.5, -5, 40), -20.0, -30.0],
    "plus and minus the same": [3.0, 2.0, *np.linspace(1, -1, 30), -2.0, -3.0],
    "negative": [-1.0, -2.0, *np.linspace(-4, -5, 30), -8.0, -16.0],
}


def dense(values, dtype=torch.float64):
    return matrix_with(np.sort(values)[::-1], np.random.default_rng(0), dtype)[0]


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
@pytest.mark.parametrize("spectrum", SPECTRA)
@pytest.mark.parametrize("name", EIGEN_SOLVERS)
def test_both_ends_with_true_residuals(name, spectrum, dtype, device):
    exact, calls = np.sort(SPECTRA[spectrum])[::-1], []
    A = dense(exact, dtype).to(device)
    operator = Lambda(lambda v: (calls.append(1), A @ v)[1], len(A), dtype, device)
    pairs = eigen_solver(name)(operator, 2, bottom=2, rtol=1e-3, max_matvecs=2000, seed=1)
    assert pairs.converged, pairs.reason
    assert pairs.matvecs == pairs.cost == len(calls)
    np.testing.assert_allclose(pairs.values, [*exact[:2], *exact[-2:]], rtol=1e-3)
    V = pairs.vectors.double().cpu()
    true = (A.double().cpu() @ V - V * torch.from_numpy(pairs.values.copy())).norm(dim=0).numpy()
    assert np.all(true <= pairs.residuals * (1 + 1e-6) + 1e-5 * (dtype == torch.float32))
    assert np.all(true <= 1.001e-3 * np.abs(pairs.values) + 1e-5 * (dtype == torch.float32))
    assert np.all(pairs.bounds <= np.maximum(2 * pairs.residuals, 1e-2 * np.abs(pairs.values)))
    torch.testing.assert_close(V.norm(dim=0), torch.ones(4, dtype=torch.float64))


@pytest.mark.parametrize(("k", "bottom", "width"), [(1, 0, 1), (0, 1, 1), (2, 1, 2), (1, 3, 3)])
def test_a_block_is_as_wide_as_the_more_values_are_wanted(k, bottom, width):
    A = Dense(dense(SPECTRA["outliers"]))
    found = eigen_solver("block_lanczos")(A, k, bottom=bottom, max_matvecs=2000)
    same = lanczos(A, k, bottom=bottom, max_matvecs=2000, block_size=width)
    assert found.matvecs == same.matvecs
    np.testing.assert_array_equal(found.values, same.values)


@pytest.mark.parametrize("name", EIGEN_SOLVERS)
@pytest.mark.parametrize(("k", "bottom"), [(1, 0), (0, 1), (3, 0), (0, 2)])
def test_one_end_alone(name, k, bottom):
    exact = np.sort(SPECTRA["outliers"])[::-1]
    pairs = eigen_solver(name)(Dense(dense(exact)), k, bottom=bottom, max_matvecs=2000)
    np.testing.assert_allclose(pairs.values, [*exact[:k], *exact[len(exact) - bottom :]], rtol=1e-3)


@pytest.mark.parametrize("max_matvecs", [8, 11, 30])
@pytest.mark.parametrize("name", EIGEN_SOLVERS)
def test_the_limit_of_products_holds_and_is_said(name, max_matvecs):
    A, calls = dense(np.linspace(1, 0.9, 80)), []
    operator = Lambda(lambda v: (calls.append(1), A @ v)[1], 80, torch.float64)
    pairs = eigen_solver(name)(operator, 2, bottom=1, rtol=1e-9, max_matvecs=max_matvecs)
    assert pairs.matvecs == len(calls) <= max_matvecs
    assert not pairs.converged
    assert f"max_matvecs ({max_matvecs}) reached" in pairs.reason
    # the best so far, not nothing: within the spectrum, each near an eigenvalue by its residual
    assert len(pairs.values) == 3
    distance = np.abs(np.linspace(1, 0.9, 80)[None, :] - pairs.values[:, None]).min(axis=1)
    assert np.all(distance <= pairs.residuals)


@pytest.mark.parametrize("name", ["eigsh", "lobpcg"])
def test_too_few_products_to_measure_residuals_are_refused(name):
    with pytest.raises(UsageError, match="at least 6"):
        eigen_solver(name)(Dense(dense(SPECTRA["outliers"])), 3, max_matvecs=5)


@pytest.mark.parametrize("name", EIGEN_SOLVERS)
def test_small_operators(name):
    for n in (2, 3, 6):
        A = torch.diag(torch.arange(n, 0, -1, dtype=torch.float64))
        pairs = eigen_solver(name)(Dense(A), 1, bottom=1, max_matvecs=500)
        np.testing.assert_allclose(pairs.values, [n, 1], rtol=1e-3)


@pytest.mark.parametrize("name", EIGEN_SOLVERS)
@pytest.mark.parametrize(
    "options", [{"k": 5}, {"k": 0}, {"k": 3, "bottom": 2}, {"k": 1, "bottom": -1}, {"rtol": -1.0}, {"max_matvecs": 0}]
)
def test_bad_requests_are_refused(name, options):
    with pytest.raises(UsageError):
        eigen_solver(name)(Dense(torch.eye(4)), **options)


def test_arpack_cannot_find_all():
    with pytest.raises(UsageError, match="lanczos"):
        eigen_solver("eigsh")(Dense(torch.eye(4)), 4)


def test_lobpcg_says_when_a_dense_matrix_is_too_dear():
    with pytest.raises(UsageError, match="n products"):
        eigen_solver("lobpcg")(Dense(torch.eye(40)), 10, max_matvecs=30)


@pytest.mark.parametrize("name", EIGEN_SOLVERS)
def test_products_that_are_not_finite_and_asymmetry_are_errors(name):
    with pytest.raises(FloatingPointError, match="nan"):
        eigen_solver(name)(Lambda(lambda v: v * float("nan"), 30))
    generator = torch.Generator().manual_seed(0)
    with pytest.raises(ProblemError, match="not symmetric"):
        eigen_solver(name)(Dense(torch.randn(60, 60, generator=generator, dtype=torch.float64)), 2)


@pytest.mark.parametrize("n", [2, 6, 40])
@pytest.mark.parametrize("name", EIGEN_SOLVERS)
def test_what_one_product_raises_arrives_as_it_is(name, n):
    """Whichever product it is: also where SciPy makes a dense matrix, and where the complement is searched."""
    A, count = torch.diag(torch.linspace(-1, 1, n, dtype=torch.float64)), 0

    class Mine(Exception):
        pass

    def failing(v, at, raises):
        nonlocal count
        count += 1
        if count == at and raises:
            raise Mine
        return A @ v * (float("nan") if count == at else 1.0)

    needed = eigen_solver(name)(Dense(A), 1, max_matvecs=300).matvecs
    for at in range(1, needed + 1):
        for raises, error in ((True, Mine), (False, FloatingPointError)):
            count = 0
            with pytest.raises(error):
                eigen_solver(name)(Lambda(lambda v, at=at, r=raises: failing(v, at, r), n, torch.float64), 1)


def test_power_iteration_says_why_it_stopped():
    """A shift rounds as well; and vectors that are settled one by one may not be so together."""
    A = Dense(torch.diag(torch.tensor([-1e-5, *np.linspace(-0.3, -1, 199)], dtype=torch.float32)))
    assert eigen_solver("power_iteration")(A, 1, max_matvecs=2000).converged
    for seed in range(60):
        values = [1, 1 - 1e-4, *np.random.default_rng(seed).uniform(-1, 0.99, 18)]
        pairs = eigen_solver("power_iteration")(Dense(dense(values)), 2, rtol=0.1, max_matvecs=400, seed=seed)
        assert pairs.matvecs >= 395 or not pairs.reason.startswith("max_matvecs"), (seed, pairs)


@pytest.mark.parametrize("name", EIGEN_SOLVERS)
def test_the_same_twice_where_a_space_is_exhausted(name):
    """Nothing leads on from any vector: what goes on from there is random, and of the seed."""
    A = Dense(torch.eye(60, dtype=torch.float64))
    first, second = (eigen_solver(name)(A, 2, seed=5) for _ in range(2))
    assert torch.equal(first.vectors, second.vectors)
    assert (first.values == second.values).all()
    assert (first.bounds == second.bounds).all()


def test_an_unknown_name_is_refused_with_a_suggestion():
    with pytest.raises(LandscapeError, match="Did you mean 'lanczos'"):
        eigen_solver("lancsoz")
