import math

import numpy as np
import pytest
import torch
from estimator_problems import DECAYING, SPECTRA, Counted, matrix_with, runs

from landscape import Dense, Lambda
from landscape.errors import UsageError
from landscape.solvers import hutchinson_diagonal, xdiag
from landscape.solvers.estimate import student_factor
from landscape.solvers.probes import signs
from landscape.solvers.sketch import Sketch
from landscape.solvers.xdiag import leave_one_out_diagonal

BOTH = [hutchinson_diagonal, xdiag]


@pytest.mark.parametrize("name", SPECTRA)
@pytest.mark.parametrize("estimator", BOTH)
def test_unbiased_and_the_errors_are_the_actual_spread(estimator, name, device):
    A = matrix_with(SPECTRA[name])
    found = runs(estimator, A.to(device), 24, range(100))
    off = np.array([each.values for each in found]) - A.diag().numpy()
    errors = np.array([each.errors for each in found])
    # 120 elements: the largest of as many normal deviations exceeds 4.5 once in 1,200 times
    assert np.abs(off.mean(0) / (off.std(0) / 10)).max() < 4.5
    assert np.sqrt((errors**2).sum(1).mean()) == pytest.approx(np.sqrt((off**2).sum(1).mean()), rel=0.2)


def test_xdiag_is_the_mean_of_explicit_leave_one_out_estimates():
    A = matrix_with(SPECTRA["indefinite"])
    sketch = Sketch(Dense(A), signs, 0, "xdiag")
    sketch.grow(6)
    omega = sketch.omega.T
    explicit = []
    for i in range(6):
        others = [j for j in range(6) if j != i]
        Q, _ = torch.linalg.qr(A @ omega[:, others])
        y = A @ omega[:, i]
        explicit.append(((Q @ Q.T) @ A).diag() + omega[:, i] * (y - Q @ (Q.T @ y)))
    values, errors = leave_one_out_diagonal(sketch)
    explicit = torch.stack(explicit)
    np.testing.assert_allclose(values, explicit.mean(0), rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(errors, student_factor(5) * explicit.std(0) / math.sqrt(6), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("name", SPECTRA)
def test_a_full_sketch_goes_on_unbiased_and_its_errors_are_the_actual_spread(name):
    A = matrix_with(SPECTRA[name])
    found = runs(xdiag, A, 60, range(100), max_vectors=6)
    off = np.array([each.values for each in found]) - A.diag().numpy()
    errors = np.array([each.errors for each in found])
    assert np.abs(off.mean(0) / (off.std(0) / 10)).max() < 4.5
    assert np.sqrt((errors**2).sum(1).mean()) == pytest.approx(np.sqrt((off**2).sum(1).mean()), rel=0.15)


def relative_errors(estimator, A, budgets):
    d = A.diag().numpy()
    return [
        np.mean([np.linalg.norm(each.values - d) / np.linalg.norm(d) for each in runs(estimator, A, m, range(20))])
        for m in budgets
    ]


def test_rates():
    budgets = (24, 48, 96)
    plain = relative_errors(hutchinson_diagonal, matrix_with(DECAYING), budgets)
    assert -0.6 < np.polyfit(np.log(budgets), np.log(plain), 1)[0] < -0.4
    better = relative_errors(xdiag, matrix_with(DECAYING), budgets)
    assert np.polyfit(np.log(budgets), np.log(better), 1)[0] < -1.2
    assert better[0] < plain[0] / 5


def test_exact_on_diagonals():
    d = torch.arange(1.0, 61.0, dtype=torch.float64)
    found = hutchinson_diagonal(Dense(torch.diag(d)))
    np.testing.assert_allclose(found.values, d)
    assert np.abs(found.errors).max() == 0
    assert (found.matvecs, found.converged) == (16, True)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_exact_when_the_rank_is_small(dtype):
    A = matrix_with([5.0, -3.0, 2.0] + [0.0] * 60, dtype=dtype)
    found = xdiag(Dense(A))
    assert found.converged
    assert found.matvecs == 7
    np.testing.assert_allclose(found.values, A.diag().double(), atol=50 * torch.finfo(dtype).eps)


@pytest.mark.parametrize("n", [1, 2, 3, 32])
def test_small_operators_are_multiplied_out(n, device):
    A = Counted(matrix_with(np.linspace(-1, 3, n)).to(device))
    found = xdiag(A)
    np.testing.assert_allclose(found.values, A.matrix.diag().cpu(), rtol=1e-12)
    assert (found.matvecs, A.count, found.converged) == (n, n, True)
    assert not found.errors.any()


@pytest.mark.parametrize("estimator", BOTH)
def test_stops_on_the_length_of_its_errors(estimator, device):
    A = matrix_with([30.0, *np.linspace(2, 0.5, 100)])
    counted = Counted(A.to(device))
    found = estimator(counted, rtol=0.2)
    assert found.converged
    assert found.matvecs == counted.count
    assert np.linalg.norm(found.errors) <= 0.2 * np.linalg.norm(found.values)
    assert np.linalg.norm(found.values - A.diag().numpy()) <= 0.3 * np.linalg.norm(A.diag().numpy())


@pytest.mark.parametrize("most", [40, 41])
@pytest.mark.parametrize("estimator", BOTH)
def test_the_limit_holds(estimator, most):
    A = Counted(matrix_with(SPECTRA["flat"]))
    found = estimator(A, rtol=1e-9, max_matvecs=most)
    assert most - 1 <= found.matvecs == A.count <= most
    assert not found.converged
    assert "max_matvecs" in found.reason


@pytest.mark.parametrize("estimator", BOTH)
def test_seeds_and_blocks(estimator):
    A = matrix_with(SPECTRA["flat"])
    first, again, other = (runs(estimator, A, 24, [seed])[0].values for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert np.abs(first - other).max() > 0
    blocked = runs(estimator, A, 24, [1], block_size=6)[0].values
    np.testing.assert_allclose(blocked, first, rtol=1e-8, atol=1e-10)


@pytest.mark.parametrize("estimator", BOTH)
def test_bad_requests_and_products(estimator):
    with pytest.raises(FloatingPointError, match="nan"):
        estimator(Lambda(lambda v: v * float("nan"), 40))
    for options in ({"rtol": -1}, {"min_matvecs": 1}, {"max_matvecs": 3}, {"block_size": 0}):
        with pytest.raises(UsageError):
            estimator(Dense(torch.eye(40)), **options)


def test_too_few_products_for_a_small_operator():
    with pytest.raises(UsageError, match="20 products"):
        xdiag(Dense(torch.eye(20)), max_matvecs=16)
