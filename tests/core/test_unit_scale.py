"""Operators of any size: the same digits, or a word that there are few."""

import numpy as np
import pytest
import torch
from known_spectra import matrix_with

from landscape import Dense, hutchinson
from landscape.solvers import frobenius_norm, hutchinson_diagonal, hutchpp, spectral_density, xdiag, xtrace
from landscape.solvers.by_name import EIGEN_SOLVERS
from landscape.solvers.krylov_run import KrylovRun
from landscape.solvers.symmetry import check_symmetric

VALUES = np.concatenate([[5.0, 3.0, 1.0], np.linspace(0.5, 0, 26), [-6.0]])
CASES = [
    (torch.float32, 1e30, True),
    (torch.float32, 1e-30, True),
    (torch.float32, 1e-40, False),
    (torch.float64, 1e-200, True),
    (torch.float64, 1e300, True),
    (torch.float64, 1e-310, False),
]


def scaled(dtype, size):
    A, _ = matrix_with(VALUES, np.random.default_rng(0))
    A = (A * size).to(dtype)
    return Dense(A), np.linalg.eigvalsh((A.double() / size).numpy())[::-1]


@pytest.mark.parametrize("name", EIGEN_SOLVERS)
@pytest.mark.parametrize(("dtype", "size", "converges"), CASES)
def test_eigenvalues_of_any_size_are_found_within_their_residuals(name, dtype, size, converges):
    H, exact = scaled(dtype, size)
    pairs = EIGEN_SOLVERS[name](H, 2, bottom=1)
    errors = np.abs(pairs.values / size - exact[[0, 1, -1]])
    assert np.all(errors <= pairs.residuals / size)
    assert np.all(errors < 1e-3)
    assert pairs.converged == converges
    assert ("few digits" in pairs.reason) == (not converges)


@pytest.mark.parametrize(("dtype", "size", "converges"), CASES)
def test_probes_of_any_size_have_a_standard_error(dtype, size, converges):
    H, exact = scaled(dtype, size)
    estimate = hutchinson(H, rtol=0.5)
    assert estimate.error > 0
    assert abs(estimate.value / size - exact.sum()) < 5 * estimate.error / size
    assert check_symmetric(H) < 1e-3


def test_a_zero_operator_is_zero():
    pairs = EIGEN_SOLVERS["lanczos"](Dense(torch.zeros(5, 5)), 2)
    assert pairs.converged
    assert np.all(pairs.values == 0)


ESTIMATORS = (hutchinson, hutchpp, xtrace, frobenius_norm, hutchinson_diagonal, xdiag)


@pytest.mark.parametrize("estimate", ESTIMATORS, ids=lambda each: each.__name__)
@pytest.mark.parametrize("size", [2.0**700, 2.0**-700])
def test_estimates_do_not_depend_on_the_unit(estimate, size):
    """A power of two changes no digit: 1e200 and 1e-200 are as good as 1."""
    A, _ = matrix_with(np.linspace(-1, 2, 60) ** 3, np.random.default_rng(0))
    ordinary, extreme = (estimate(Dense(each), rtol=0.3, max_matvecs=40) for each in (A, A * size))
    assert (extreme.matvecs, extreme.converged, extreme.reason) == tuple(
        getattr(ordinary, name) for name in ("matvecs", "converged", "reason")
    )
    for name in ("value", "error") if hasattr(ordinary, "value") else ("values", "errors"):
        np.testing.assert_allclose(getattr(extreme, name) / size, getattr(ordinary, name), rtol=1e-12)


@pytest.mark.parametrize("estimate", ESTIMATORS[1:], ids=lambda each: each.__name__)
def test_estimates_at_the_edge_of_the_precision_say_so(estimate):
    A, _ = matrix_with(np.linspace(0, 2, 60), np.random.default_rng(0))
    found = estimate(Dense(A * 1e-310), rtol=0.3)
    assert not found.converged
    assert "few digits" in found.reason


@pytest.mark.parametrize("size", [2.0**700, 2.0**-700])
def test_a_density_does_not_depend_on_the_unit(size):
    A, _ = matrix_with(np.linspace(0, 2, 60) ** 3, np.random.default_rng(0))
    ordinary, extreme = (spectral_density(Dense(each), num_probes=2, steps=12) for each in (A, A * size))
    for name in ("nodes", "resolved", "residuals"):
        np.testing.assert_allclose(getattr(extreme, name) / size, getattr(ordinary, name), rtol=1e-8, atol=1e-12)


@pytest.mark.parametrize("size", [2.0**700, 2.0**-700])
def test_a_run_that_is_read_at_its_stages_does_not_depend_on_the_unit(size):
    A, _ = matrix_with(VALUES, np.random.default_rng(0))
    ordinary, extreme = (KrylovRun(Dense(each), 0) for each in (A, A * size))
    for run in (ordinary, extreme):
        run.stage(12)
    pairs = [run.eigenpairs(2, 1, rtol=1e-3, max_matvecs=30) for run in (ordinary, extreme)]
    np.testing.assert_allclose(pairs[1].values / size, pairs[0].values, rtol=1e-12)
    np.testing.assert_allclose(pairs[1].residuals / size, pairs[0].residuals, rtol=1e-6)
    rules = [run.quadrature(12) for run in (ordinary, extreme)]
    np.testing.assert_allclose(rules[1].nodes / size, rules[0].nodes, rtol=1e-10)
    np.testing.assert_allclose(rules[1].residuals / size, rules[0].residuals, rtol=1e-6, atol=1e-13)
