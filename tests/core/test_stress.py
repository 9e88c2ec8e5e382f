"""Numbers under stress: within their printed error, or said not to have converged."""

import math

import numpy as np
import pytest
import torch
from dense_oracle import dense_hessian
from known_spectra import matrix_with
from torch import nn
from torch.nn.functional import cross_entropy

from landscape import Dense, Minimum, Problem, lanczos, power_iteration
from landscape.measures import measure_minimum
from landscape.registry import measures
from landscape.solvers.by_name import eigen_solver


def rest(rng, count):
    return np.sort(rng.uniform(-0.9, 0.8, count))[::-1]


SPECTRA = {
    "a chain of gaps of 1e-9": lambda rng: np.concatenate([1 - 1e-9 * np.arange(20), rest(rng, 20)]),
    "singular": lambda rng: np.concatenate([[1.0, 0.9], np.zeros(38)]),
    "nothing above zero": lambda rng: np.concatenate([np.zeros(20), rest(rng, 20) - 0.9]),
    "twenty twice": lambda rng: np.concatenate([np.ones(20), -np.ones(20)]),
    "clustered at both ends": lambda rng: np.concatenate([1 - 1e-6 * np.arange(20), -1 + 1e-9 * np.arange(20)[::-1]]),
    "denormal": lambda rng: np.concatenate([[1.0, 1 - 1e-6], rest(rng, 38)]) * 1e-310,
}


def each_has_its_own(values, bounds, exact):
    """Whether there are as many different eigenvalues as values, one within the bound of each."""
    left = sorted(exact)
    for value, bound in sorted(zip(values, bounds, strict=True), key=lambda pair: pair[0] + pair[1]):
        within = [each for each in left if value - bound <= each <= value + bound]
        if not within:
            return False
        left.remove(within[0])
    return True


@pytest.mark.parametrize("kind", SPECTRA)
def test_each_value_has_an_eigenvalue_of_its_own_within_its_bound(kind):
    """That it is the one of its rank is not promised closer than the tolerance."""
    for seed in range(6):
        rng = np.random.default_rng(seed)
        A, exact = matrix_with(SPECTRA[kind](rng), rng)
        k, bottom = (1, 3, 22)[seed % 3], seed % 2
        pairs = lanczos(Dense(A), k, bottom=bottom, seed=seed)
        rigorous = np.array([each == "rigorous" for each in pairs.bound_kind])
        assert each_has_its_own(pairs.values[rigorous], pairs.bounds[rigorous], exact), (seed, pairs)
        true = np.concatenate([exact[:k], exact[len(exact) - bottom :]])
        scale = np.maximum(1e-3 * np.abs(true), pairs.bounds)
        assert not pairs.converged or np.all(np.abs(pairs.values - true) <= scale), (seed, pairs)
        one = power_iteration(Dense(A), 1, seed=seed, max_matvecs=300)
        assert np.abs(exact - one.values[0]).min() <= one.residuals[0], (seed, one)


def network():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 5), nn.Tanh(), nn.Linear(5, 3)).double()


def examples(count=24):
    generator = torch.Generator().manual_seed(1)
    x = torch.randn(count, 4, generator=generator, dtype=torch.float64)
    return x, torch.randint(3, (count,), generator=generator)


LINEAR = ("top_eigenvalue", "bottom_eigenvalue", "trace", "frobenius_norm", "gauss_newton_top_eigenvalue")
SIZES = [(torch.float64, 1e30), (torch.float64, 1e-30), (torch.float64, 1e-310), (torch.float32, 1e30),
         (torch.float32, 1e-30), (torch.float32, 1e-40)]  # fmt: skip


@pytest.fixture(scope="module")
def exact():
    values = np.linalg.eigvalsh(dense_hessian(network(), cross_entropy, *examples()).numpy())
    return {
        "top_eigenvalue": values[-1],
        "bottom_eigenvalue": values[0],
        "trace": values.sum(),
        "frobenius_norm": np.linalg.norm(values),
    }


@pytest.mark.parametrize(("dtype", "size"), SIZES)
def test_a_loss_of_any_size_has_the_curvature_of_that_size(exact, dtype, size):
    def loss(outputs, targets):
        return cross_entropy(outputs, targets) * size

    problem = Problem(network(), loss, examples(), dtype=dtype, batch_size=7)
    found = measure_minimum(Minimum(problem, problem.theta), LINEAR, warn=False)
    for name, true in exact.items():
        row = found[name]
        if row.converged:
            # a standard error is exceeded now and then, five of them never
            allowed = row.error * (5 if row.error_kind == "standard error" else 1) / size
            assert abs(row.value / size - true) <= allowed + 1e-5 * abs(true), (name, row)
        else:
            assert row.reason
    if size > 1e-300 and (dtype == torch.float64 or size > 1e-38):
        assert found["top_eigenvalue"].converged


class CuspAtZero(nn.Module):
    """|Wx| as a square root: its value at x = 0 is 0, and its gradient there is 0/0."""

    def __init__(self):
        super().__init__()
        self.inner, self.cusp = network(), nn.Linear(4, 3, bias=False).double()

    def forward(self, x):
        return self.inner(x) + (self.cusp(x) ** 2).sqrt()


def test_a_gradient_that_is_nan_in_one_batch_gives_no_number_and_names_the_batch():
    torch.manual_seed(0)
    x, y = examples()
    x[13] = 0
    problem = Problem(CuspAtZero(), cross_entropy, (x, y), batch_size=6)
    assert math.isfinite(problem.loss())
    minimum = Minimum(problem, problem.theta)
    found = measure_minimum(minimum, measures.names(), keep_going=True, warn=False)
    for name in measures.names():
        row = found[name]
        assert row.value is None or math.isfinite(row.value), name
        assert not row.converged or row.value is not None, name
    for name in ("top_eigenvalue", "trace", "batch_sharpness"):
        assert found[name].value is None
        assert "batch 3 (of 6 examples)" in found[name].reason, name


@pytest.mark.parametrize("name", ["lanczos", "block_lanczos", "power_iteration", "eigsh", "lobpcg"])
def test_products_that_vanish_bound_what_they_hide(name):
    smallest = float(torch.finfo(torch.float32).tiny * torch.finfo(torch.float32).eps)
    A = torch.full((400, 400), smallest)
    found = eigen_solver(name)(Dense(A), 1)
    truth = float(torch.linalg.eigvalsh(A.double() / smallest)[-1]) * smallest
    assert found.values[0] == 0
    assert truth <= found.bounds[0] <= 20 * truth or not found.converged
