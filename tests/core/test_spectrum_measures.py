"""Measures of a spectrum where they are estimated, of the Gauss-Newton matrix, and what they share."""

import numpy as np
import pytest
import torch
from dense_gauss_newton import dense_jacobian, dense_sandwich, softmax_matrices
from dense_oracle import dense_hessian
from measure_case import Case, examples
from torch import nn
from torch.nn import functional as F

from landscape import Dense, Hessian, Minimum, Problem, lanczos, measure_minimum
from landscape.solvers.krylov_run import KrylovRun


def found(minimum, name, seed=0, **options):
    return measure_minimum(minimum, [name], seed=seed, options={name: options})[name]


def fresh(activation):
    """Return a minimum of 251 parameters, its dense Hessian and Gauss-Newton matrix."""
    torch.manual_seed(3)
    model = nn.Sequential(nn.Linear(6, 8), activation, nn.Linear(8, 16), activation, nn.Linear(16, 3)).double()
    x, y = examples()
    problem = Problem(model, "cross_entropy", (x, y))
    G = dense_sandwich(dense_jacobian(model, x), softmax_matrices(model(x)))
    return Minimum(problem, problem.theta), dense_hessian(model, F.cross_entropy, x, y), G


def test_log_det_by_quadrature_is_within_its_error():
    minimum, H, _ = fresh(nn.Tanh())
    exact = float((torch.linalg.eigvalsh(H).clamp(min=0) + 0.01).log().sum())
    for seed in range(3):
        result = found(minimum, "log_det", seed, damping=0.01, num_probes=3, steps=60)
        assert abs(result.value - exact) <= 3 * result.error
        assert result.error < 60
        assert result.details["probes"] == 3
    assert found(minimum, "log_det", damping=0.01).value == pytest.approx(exact, rel=1e-10)


class Scaling(nn.Module):
    def __init__(self):
        super().__init__()
        self.factors = nn.Parameter(torch.linspace(0.5, 2, 8, dtype=torch.float64))

    def forward(self, x):
        return self.factors * x


def test_a_gauss_newton_trace_by_probes_says_why_it_is_not_exact():
    torch.manual_seed(3)
    model = nn.Sequential(nn.Linear(6, 8), Scaling(), nn.Tanh(), nn.Linear(8, 3)).double()
    x, y = examples()
    problem = Problem(model, "cross_entropy", (x, y))
    result = found(Minimum(problem, problem.theta), "gauss_newton_trace", rtol=0.03, max_matvecs=2000)
    exact = float(dense_sandwich(dense_jacobian(model, x), softmax_matrices(model(x))).trace())
    assert abs(result.value - exact) <= 4 * result.error
    assert "probes" in result.reason
    assert "factors" in result.reason


def test_roots_of_an_estimated_diagonal_are_within_their_error_and_come_closer():
    minimum, H, _ = fresh(nn.Tanh())
    exact = float(H.diag().clamp(min=0).sqrt().sum())
    errors = []
    for probes in (16, 128):
        result = found(minimum, "sqrt_diagonal_trace", max_matvecs=probes, rtol=1e-9)
        assert not result.converged
        assert result.error_kind == "standard error"
        assert abs(result.value - exact) <= result.error
        errors.append(abs(result.value - exact))
    assert errors[1] < errors[0]
    # and the error is no larger than it has to be
    assert errors[1] < result.error < 0.1 * exact


@pytest.mark.parametrize("activation", ["tanh", "relu"])
def test_the_same_for_the_gauss_newton_matrix(activation):
    case = Case(activation)
    values = torch.linalg.eigvalsh(case.G)
    exact = {
        "frobenius_norm": values.norm(),
        "effective_rank": values.sum() ** 2 / values.square().sum(),
        "log_det": (values.clamp(min=0) + 0.01).log().sum(),
        "sqrt_diagonal_trace": case.G.diag().sqrt().sum(),
    }
    for name, expected in exact.items():
        result = found(case.minimum, name, operator="gauss_newton")
        slack = 4 if result.error_kind == "standard error" else 1
        assert abs(result.value - float(expected)) <= slack * result.error
        assert result.converged


def test_a_run_read_at_a_stage_is_lanczos_itself():
    rng = np.random.default_rng(0)
    A = torch.from_numpy(rng.normal(size=(60, 60)))
    operator = Dense((A + A.T) / 2)
    run = KrylovRun(operator, seed=3)
    both = run.eigenpairs(1, 1, rtol=1e-6, max_matvecs=60)
    top = run.eigenpairs(1, 0, rtol=1e-3, max_matvecs=60)
    alone = lanczos(operator, rtol=1e-3, max_matvecs=60, seed=3, verify=False)
    assert top.values[0] == alone.values[0]
    assert top.matvecs == alone.matvecs < both.matvecs
    exact = torch.linalg.eigvalsh((A + A.T) / 2)
    assert both.values == pytest.approx([float(exact[-1]), float(exact[0])], rel=1e-9)


def test_a_run_whose_space_ends_early_still_finds_both_ends():
    operator = Dense(torch.diag(torch.tensor([2.0] * 20, dtype=torch.float64)))
    pairs = KrylovRun(operator, seed=0).eigenpairs(1, 1, rtol=1e-6, max_matvecs=60)
    assert pairs.values == pytest.approx([2.0, 2.0])


def test_products_that_measures_share_are_counted_once(monkeypatch):
    minimum, _, _ = fresh(nn.Tanh())
    taken = []
    own = {name: getattr(Hessian, name) for name in ("matvec", "matmat")}
    monkeypatch.setattr(Hessian, "matvec", lambda H, v: (taken.append(1), own["matvec"](H, v))[1])
    monkeypatch.setattr(Hessian, "matmat", lambda H, V: (taken.append(V.shape[1]), own["matmat"](H, V))[1])
    options = {"log_det": {"num_probes": 3, "steps": 40, "rtol": 1e-9}, "top_eigenvalue": {"rtol": 0.1}}
    for names in (["log_det"], ["top_eigenvalue", "log_det"], ["log_det", "top_eigenvalue"]):
        taken.clear()
        alone = Minimum(minimum.problem, minimum.theta)
        result = measure_minimum(alone, names, options=options, warn=False)
        assert sum(each.matvecs for each in result.values()) == sum(taken) == 3 * 40


def test_one_run_and_one_diagonal_serve_all():
    minimum, _, _ = fresh(nn.ReLU())
    names = ["top_eigenvalue", "bottom_eigenvalue", "eigenvalue_ratio", "trace", "gauss_newton_trace"]
    result = measure_minimum(minimum, [*names, "sqrt_diagonal_trace", "adaptive_trace"])
    assert result["eigenvalue_ratio"].matvecs == 0
    assert result["trace"].passes > 0
    for name in ("gauss_newton_trace", "sqrt_diagonal_trace", "adaptive_trace"):
        assert result[name].passes == 0
        assert "Gauss-Newton diagonal, from trace" in result[name].shared
