"""Operators of any size: the same digits, or a word that there are few."""

import numpy as np
import pytest
import torch
from known_spectra import matrix_with

from landscape import Dense, hutchinson
from landscape.solvers.by_name import EIGEN_SOLVERS
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
