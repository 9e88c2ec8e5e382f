"""Errors hold the truth about as often as two standard errors should, from few random vectors too."""

import math

import numpy as np
import pytest
import torch
from estimator_problems import matrix_with
from torch import nn

from landscape import Dense, Hessian, Problem, spectral_density
from landscape.measures.shared_probes import mean_over_probes
from landscape.minimum import Minimum
from landscape.solvers import hutchinson, hutchpp, xtrace
from landscape.solvers.element_spread import ElementSpread
from landscape.solvers.estimate import FEWEST, student_factor
from landscape.solvers.probes import draw_probes, products, signs

N = 60
INDEX = np.arange(1, N + 1)
SPECTRA = {
    "flat": np.linspace(0.5, 1.5, N),
    "slow decay": 1.0 / INDEX,
    "fast decay": 0.7**INDEX,
    "low rank": np.where(INDEX <= 5, 1.0, 0.0),
    "indefinite": np.random.RandomState(0).randn(N),
    "outliers": np.where(INDEX <= 4, 10.0 / INDEX, np.linspace(0, 0.1, N)),
}


def network(width, classes=3):
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(6, width), nn.Tanh(), nn.Linear(width, classes)).double()
    return Problem(model, "cross_entropy", (torch.randn(40, 6).double(), torch.randint(classes, (40,))))


def minimum_of(problem):
    return Minimum(problem, problem.theta)


def matrix(name):
    if name in SPECTRA:
        return matrix_with(SPECTRA[name])
    hessian = Hessian(network(5 if name == "network" else 9))
    H = hessian @ torch.eye(hessian.shape[0], dtype=torch.float64)
    return (H + H.T) / 2


NAMES = [*SPECTRA, "network", "wider network"]


def covered(found, truth):
    off = np.array([each.value - truth for each in found])
    errors = np.array([each.error for each in found])
    return float(np.mean(np.abs(off) <= 2 * errors)), float(np.median(errors) / off.std())


def hutchinson_samples(A, seeds, most):
    """Return the elements of the probes of many seeds, shape ``(seeds, most, n)``: what hutchinson sees."""
    z = torch.stack([draw_probes(Dense(A), signs, seed, "hutchinson", range(most)) for seed in range(seeds)])
    return z * (z @ A)


@pytest.mark.parametrize("name", NAMES)
def test_probes_cover_the_trace(name):
    A = matrix(name)
    truth, elements = float(A.trace()), hutchinson_samples(A, 200, 32)
    for count in (2, 4, 8, 16, 32):
        off, errors = [], []
        for each in elements[:, :count]:
            spread = ElementSpread()
            spread.add(each)
            off.append(float(each.sum(1).mean()) - truth)
            errors.append(spread.error)
        off, errors = np.array(off), np.array(errors)
        assert np.mean(np.abs(off) <= 2 * errors) > 0.915, (count, name)
        # what is stated is no wider than Student's factor makes it
        assert np.median(errors) < 1.2 * student_factor(count - 1) * off.std()


@pytest.mark.parametrize("name", NAMES)
def test_probes_that_stop_cover_the_trace(name):
    A = matrix(name)
    found = [hutchinson(Dense(A), rtol=0.1, max_matvecs=40, seed=seed) for seed in range(60)]
    share, _ = covered(found, float(A.trace()))
    assert share > 0.88


@pytest.mark.parametrize("probes", [2, 6])
@pytest.mark.parametrize("name", NAMES)
def test_a_density_of_few_probes_covers_the_trace_and_is_not_wide(name, probes):
    A = matrix(name)
    found = [spectral_density(Dense(A), num_probes=probes, steps=6, seed=seed).trace() for seed in range(50)]
    share, width = covered(found, float(A.trace()))
    assert share > 0.85
    assert name == "low rank" or width < 2


def test_copies_that_a_density_has_not_found_are_in_its_error():
    A = Dense(matrix_with([3.0] * 5 + [0.01] * 55))
    found = [spectral_density(A, num_probes=2, steps=6, seed=seed) for seed in range(60)]
    assert not any(each.converged for each in found if len(each.copies[0]))
    assert covered([each.trace() for each in found], 15.55)[0] > 0.9


@pytest.mark.parametrize("estimator", [hutchinson, hutchpp, xtrace])
def test_none_stops_on_the_error_of_very_few_vectors(estimator):
    A = Dense(matrix_with(SPECTRA["flat"]))
    each = {hutchinson: 1, hutchpp: 3, xtrace: 2}[estimator]
    found = estimator(A, rtol=10.0, min_matvecs=2, max_matvecs=2 * each + 1 if each > 1 else 3)
    assert not found.converged
    assert "random vectors, and an error is trusted from 8" in found.reason
    assert abs(found.value - 60) < 2 * found.error < math.inf
    enough = estimator(A, rtol=10.0, min_matvecs=2)
    assert (enough.converged, enough.matvecs) == (True, each * FEWEST)


@pytest.mark.parametrize("scale", [1e-200, 1.0, 1e200])
def test_the_spread_of_elements_is_the_variance_whatever_the_scale(scale):
    A = matrix_with(SPECTRA["indefinite"])
    z = draw_probes(Dense(A), signs, 0, "hutchinson", range(4000))
    spread = ElementSpread()
    spread.add(scale * z * products(Dense(A), z))
    true = math.sqrt(2 * float((A**2).sum() - (A.diag() ** 2).sum()) / 4000)
    assert spread.error == pytest.approx(scale * true, rel=0.03)


def test_weighted_probes_err_on_the_safe_side():
    minimum = minimum_of(network(5))
    weights = torch.linspace(0.1, 3, minimum.problem.num_parameters, dtype=torch.float64)
    found = [
        mean_over_probes(minimum, lambda z, Hz: weights * z * Hz, rtol=1e-9, max_matvecs=8, seed=seed)
        for seed in range(60)
    ]
    share, width = covered(found, float(weights @ matrix("network").diag()))
    assert share > 0.9
    assert width < 1.8
