"""The least sum over diagonal similarities, against closed forms and scipy's minimisation of the same sum."""

import numpy as np
import pytest
from scipy.optimize import minimize

from landscape.errors import ProblemError
from landscape.solvers import matrix_balancing
from landscape.solvers.matrix_balancing import balance


def objective(p, q, c):
    def value_and_gradient(free):
        z = np.r_[0.0, free]
        terms = c * np.exp(2 * (z[q] - z[p]))
        gradient = np.bincount(q, 2 * terms, len(z)) - np.bincount(p, 2 * terms, len(z))
        return terms.sum(), gradient[1:]

    return value_and_gradient


def random_matrix(seed, size=12, spread=4.0):
    generator = np.random.default_rng(seed)
    C = generator.lognormal(0, spread, (size, size)) * (generator.random((size, size)) < 0.4)
    C[0], C[:, 0] = C[0] + 1e-3, C[:, 0] + 1e-3
    p, q = np.nonzero(C)
    return p, q, C[p, q]


@pytest.mark.parametrize("seed", range(5))
def test_agrees_with_scipy_on_the_same_sum(seed):
    p, q, c = random_matrix(seed)
    found = balance(p, q, c, 12)
    by_scipy = minimize(objective(p, q, c), np.zeros(11), jac=True, method="BFGS", options={"gtol": 1e-9})
    assert found.value == pytest.approx(by_scipy.fun, rel=1e-9)
    assert found.gap <= 1e-12 * found.value
    assert objective(p, q, c)(found.log_scales[1:])[0] == pytest.approx(found.value, rel=1e-14)
    assert found.attained


def test_two_layers_give_twice_the_sum_of_geometric_means():
    a, b = np.array([1.0, 1e-8, 7.0]), np.array([4.0, 1e8, 0.3])
    found = balance(np.r_[1:4, 0, 0, 0], np.r_[0, 0, 0, 1:4], np.r_[a, b], 4)
    assert found.value == pytest.approx(2 * np.sqrt(a * b).sum(), rel=1e-12)
    np.testing.assert_allclose(found.log_scales[1:], np.log(a / b) / 4, atol=1e-6)


@pytest.mark.parametrize("steps", range(0, 12, 2))
def test_the_gap_bounds_the_distance_to_the_minimum_at_every_step(steps):
    p, q, c = random_matrix(3, spread=0.7)
    least = balance(p, q, c, 12).value
    stopped = balance(p, q, c, 12, max_steps=steps)
    assert stopped.steps <= steps
    assert -1e-12 * least <= stopped.value - least <= stopped.gap * (1 + 1e-9)
    # and is no larger than it need be once it is small
    assert stopped.gap > 0.1 * least or stopped.gap <= 2 * (stopped.value - least) + 1e-12 * least


def test_what_lies_on_no_cycle_vanishes_in_the_limit():
    """1 -> 0 and 0 -> 1 balance at 2 * sqrt(1 * 4); 2 -> 0 can be made as small as one likes."""
    found = balance(np.array([1, 0, 2]), np.array([0, 1, 0]), np.array([1.0, 4.0, 3.0]), 3)
    assert found.value == pytest.approx(4.0, rel=1e-12)
    assert not found.attained
    constant = balance(np.array([0, 1]), np.array([0, 1]), np.array([2.0, 3.0]), 2)
    assert (constant.value, constant.gap, constant.steps) == (5.0, 0.0, 0)


def test_dead_neurons_and_terms_of_one_place():
    found = balance(np.array([1, 1, 0, 2]), np.array([0, 0, 1, 0]), np.array([1.0, 3.0, 1.0, 0.0]), 3)
    assert found.value == pytest.approx(2 * np.sqrt(4.0), rel=1e-12)


def test_too_many_neurons_are_refused(monkeypatch):
    monkeypatch.setattr(matrix_balancing, "MOST", 2)
    with pytest.raises(ProblemError, match="3 neurons"):
        balance(np.zeros(1, int), np.zeros(1, int), np.ones(1), 3)
