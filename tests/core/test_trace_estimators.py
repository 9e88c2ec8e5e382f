import math

import numpy as np
import pytest
import torch
from estimator_problems import DECAYING, SPECTRA, Counted, matrix_with, runs
from peak_bytes import peak_bytes

from landscape import Dense, Lambda
from landscape.errors import UsageError
from landscape.solvers import frobenius_norm, hutchinson, hutchpp, xtrace
from landscape.solvers.estimate import student_factor
from landscape.solvers.frobenius_norm import _squares
from landscape.solvers.probes import draw_probes, signs, sphere
from landscape.solvers.sketch import KEPT_ROWS, Sketch
from landscape.solvers.xtrace import LeaveOneOut

TRACES = [hutchinson, hutchpp, xtrace]
ALL = [*TRACES, frobenius_norm]


def truth(estimator, A):
    return float(A.norm()) if estimator is frobenius_norm else float(A.trace())


@pytest.mark.parametrize("name", SPECTRA)
@pytest.mark.parametrize("estimator", TRACES)
def test_unbiased_and_the_error_is_the_actual_spread(estimator, name, device):
    A = matrix_with(SPECTRA[name])
    found = runs(estimator, A.to(device), 24)
    off = np.array([each.value for each in found]) - truth(estimator, A)
    errors = np.array([each.error for each in found])
    assert abs(off.mean()) < 4 * off.std() / math.sqrt(len(off))
    assert np.sqrt((errors**2).mean()) == pytest.approx(off.std(), rel=0.35)
    # 8 to 24 samples: Student's t puts 92 to 94 % within two standard errors
    assert np.mean(np.abs(off) <= 2 * errors) > 0.84


@pytest.mark.parametrize("name", SPECTRA)
def test_the_square_of_the_frobenius_norm_is_unbiased(name, device):
    A = matrix_with(SPECTRA[name])
    found = runs(frobenius_norm, A.to(device), 24)
    values = np.array([each.value for each in found])
    off = values**2 - truth(frobenius_norm, A) ** 2
    assert abs(off.mean()) < 4 * off.std() / math.sqrt(len(off))
    errors = np.array([each.error for each in found])
    assert np.sqrt((errors**2).mean()) == pytest.approx(values.std(), rel=0.45)


def slope(estimator, A, budgets, **options):
    """Return the power of the budget that the root mean square error follows."""
    exact = truth(estimator, A)
    errors = [
        np.sqrt(
            np.mean(
                [
                    (each.value / exact - 1) ** 2
                    for each in runs(estimator, A, m, range(30), **({"min_matvecs": 2} | options))
                ]
            )
        )
        for m in budgets
    ]
    return np.polyfit(np.log(budgets), np.log(errors), 1)[0]


def test_hutchinson_converges_as_one_over_the_root():
    A = matrix_with(SPECTRA["flat"])
    assert -0.65 < slope(hutchinson, A, (24, 48, 96, 192), block_size=24) < -0.35


@pytest.mark.parametrize("estimator", [hutchpp, xtrace, frobenius_norm])
def test_the_others_converge_at_least_as_one_over_the_budget_where_eigenvalues_decay(estimator):
    A = matrix_with(DECAYING)
    assert slope(estimator, A, (18, 36, 72)) < -1.2
    # eigenvalues like 1/i, the slowest that still decay: the error of Hutch++ is O(1/m)
    A = matrix_with([1 / (i + 1) for i in range(120)])
    assert slope(estimator, A, (18, 36, 72)) < -0.8


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
@pytest.mark.parametrize("estimator", [hutchpp, xtrace, frobenius_norm])
def test_exact_when_the_rank_is_small(estimator, dtype, device):
    A = matrix_with([5.0, -3.0, 2.0] + [0.0] * 60, dtype=dtype)
    estimate = estimator(Dense(A.to(device)))
    assert estimate.converged
    assert estimate.matvecs <= 12
    assert estimate.value == pytest.approx(truth(estimator, A.double()), abs=200 * torch.finfo(dtype).eps)
    assert estimate.error <= 1e3 * torch.finfo(dtype).eps
    assert "exact" in estimate.reason


def test_a_trace_of_zero_from_a_small_rank_converges():
    for estimator in (hutchpp, xtrace):
        estimate = estimator(Dense(matrix_with([4.0, -4.0] + [0.0] * 50)))
        assert estimate.converged
        assert estimate.value == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize("estimator", ALL)
def test_wide_blocks_stay_within_the_budget(estimator):
    A = Counted(matrix_with(SPECTRA["flat"]))
    estimate = estimator(A, rtol=1e-9, max_matvecs=30, block_size=64)
    assert A.count == estimate.matvecs <= 30
    assert not estimate.converged


@pytest.mark.parametrize("most", [4, 8])
@pytest.mark.parametrize("name", SPECTRA)
@pytest.mark.parametrize("estimator", [hutchpp, xtrace])
def test_a_full_sketch_goes_on_unbiased_and_its_error_is_the_actual_spread(estimator, name, most):
    A = matrix_with(SPECTRA[name])
    found = runs(estimator, A, 60, max_vectors=most)
    off = np.array([each.value for each in found]) - truth(estimator, A)
    errors = np.array([each.error for each in found])
    assert abs(off.mean()) < 4 * off.std() / math.sqrt(len(off))
    assert np.sqrt((errors**2).mean()) == pytest.approx(off.std(), rel=0.3)
    assert np.mean(np.abs(off) <= 2 * errors) > 0.87
    # as the 60 products that it takes tell, not as those of its sketch
    first = [each.error for each in runs(estimator, A, (3 if estimator is hutchpp else 2) * most, min_matvecs=2)]
    assert np.median(errors) < 0.75 * np.median(first)


@pytest.mark.parametrize("name", SPECTRA)
def test_a_full_sketch_goes_on_with_the_square_of_the_frobenius_norm(name):
    A = matrix_with(SPECTRA[name])
    found = runs(frobenius_norm, A, 60, max_vectors=4)
    values = np.array([each.value for each in found])
    off = values**2 - truth(frobenius_norm, A) ** 2
    assert abs(off.mean()) < 4 * off.std() / math.sqrt(len(off))
    errors = np.array([each.error for each in found])
    assert np.sqrt((errors**2).mean()) == pytest.approx(values.std(), rel=0.3)


@pytest.mark.parametrize(("n", "rank", "most"), [(80, 8, 8), (34, 34, 33), (60, 6, 6)])
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
@pytest.mark.parametrize("estimator", [hutchpp, xtrace, frobenius_norm])
def test_errors_hold_where_next_to_nothing_is_outside_of_a_full_sketch(estimator, dtype, n, rank, most):
    A = matrix_with([*np.linspace(1, 2, rank), *[0.0] * (n - rank)], dtype=dtype)
    spent = (3 if estimator is hutchpp else 2) * most + 16
    options = {"rtol": 1e-15, "min_matvecs": 2, "max_matvecs": spent, "max_vectors": most}
    found = [estimator(Dense(A), seed=seed, **options) for seed in range(80)]
    off = np.array([abs(each.value - truth(estimator, A.double())) for each in found])
    errors = np.array([each.error for each in found])
    if rank == most:
        assert off.max() < 100 * n * torch.finfo(dtype).eps
    else:
        # 16 squares of one normal number, of which few are large: the spread is seldom seen too large
        assert np.sqrt((errors**2).mean()) == pytest.approx(np.sqrt((off**2).mean()), rel=0.4)
        assert np.mean(off <= 2 * errors) > 0.75


@pytest.mark.parametrize("block_size", [1, 40])
@pytest.mark.parametrize("estimator", [hutchpp, xtrace, frobenius_norm])
def test_a_bounded_sketch_keeps_few_vectors_whatever_the_products(estimator, block_size):
    n = 20_000
    d = torch.linspace(-0.5, 1, n)
    operator = Lambda(lambda v: d * v, n)
    estimate, peak = peak_bytes(
        lambda: estimator(operator, rtol=1e-9, max_matvecs=200, max_vectors=3, block_size=block_size)
    )
    assert estimate.matvecs == 200
    # the sketch's, one more of probes, and what is at work
    assert peak <= 4 * n * (3 * (KEPT_ROWS + 1) + 24), peak / (4 * n)
    assert (
        abs(estimate.value - (float(d.norm()) if estimator is frobenius_norm else float(d.sum()))) < 5 * estimate.error
    )


@pytest.mark.parametrize("estimator", [hutchpp, xtrace, frobenius_norm])
def test_a_full_sketch_stops_on_the_error_and_where_too_few_products_are_left(estimator):
    A = Counted(matrix_with(SPECTRA["flat"]))
    estimate = estimator(A, rtol=0.1, max_vectors=4)
    assert estimate.converged
    assert estimate.error <= 0.1 * abs(estimate.value)
    assert 24 <= estimate.matvecs == A.count < 1000
    own = 3 * 4 if estimator is hutchpp else 2 * 4
    short = estimator(A, rtol=1e-9, min_matvecs=2, max_matvecs=own + 7, max_vectors=4)
    assert (short.matvecs, short.converged) == (own, False)
    with pytest.raises(UsageError, match="max_vectors must be at least 2"):
        estimator(A, max_vectors=1)


@pytest.mark.parametrize("n", [1, 2, 5, 16])
@pytest.mark.parametrize("estimator", [hutchpp, xtrace, frobenius_norm])
def test_small_operators_are_multiplied_out(estimator, n, device):
    A = Counted(matrix_with(np.linspace(-1, 3, n)).to(device))
    estimate = estimator(A)
    assert estimate.value == pytest.approx(truth(estimator, A.matrix), rel=1e-12)
    assert (estimate.error, estimate.matvecs, A.count) == (0, n, n)


@pytest.mark.parametrize("estimator", ALL)
def test_zero_operator(estimator):
    estimate = estimator(Dense(torch.zeros(60, 60)))
    assert (estimate.value, estimate.error, estimate.converged) == (0, 0, True)


@pytest.mark.parametrize("estimator", [hutchpp, xtrace, frobenius_norm])
def test_a_full_basis_is_exact(estimator):
    A = matrix_with(np.linspace(1, 2, 40))
    estimate = estimator(Dense(A), rtol=1e-13)
    assert estimate.converged
    assert estimate.value == pytest.approx(truth(estimator, A), rel=1e-10)


@pytest.mark.parametrize("estimator", ALL)
@pytest.mark.parametrize("most", [24, 25, 26, 31])
def test_products_are_counted_and_the_limit_holds(estimator, most):
    A = Counted(matrix_with(SPECTRA["flat"]))
    estimate = estimator(A, rtol=1e-9, max_matvecs=most, min_matvecs=2)
    assert estimate.matvecs == A.count
    assert most - 2 <= A.count <= most
    assert not estimate.converged
    assert "max_matvecs" in estimate.reason
    assert math.isfinite(estimate.error)


@pytest.mark.parametrize("estimator", ALL)
def test_stops_on_its_own_standard_error(estimator, device):
    A = matrix_with([30.0, *np.linspace(2, 0.5, 200)]).to(device)
    for rtol in (0.1, 0.02):
        estimate = estimator(Dense(A), rtol=rtol, max_matvecs=10_000)
        assert estimate.converged
        assert estimate.error <= rtol * abs(estimate.value)
        assert estimate.value == pytest.approx(truth(estimator, A), rel=5 * rtol)


@pytest.mark.parametrize("estimator", ALL)
def test_seeds_decide_and_repeat(estimator):
    A = Dense(matrix_with(SPECTRA["flat"], dtype=torch.float32))
    first, again, other = (estimator(A, seed=seed, max_matvecs=24, rtol=1e-9).value for seed in (1, 1, 2))
    assert first == again != other


@pytest.mark.parametrize("estimator", ALL)
def test_blocks_change_nothing_but_rounding(estimator, device):
    A = matrix_with(SPECTRA["indefinite"]).to(device)
    one, many = (runs(estimator, A, 24, [3], block_size=size)[0] for size in (1, 4))
    assert one.value == pytest.approx(many.value, rel=1e-9)
    assert one.error == pytest.approx(many.error, rel=1e-6)


@pytest.mark.parametrize("estimator", ALL)
def test_float32_agrees_with_float64(estimator):
    A = matrix_with(SPECTRA["decaying"], dtype=torch.float32)
    single, double = (runs(estimator, each, 24, [0])[0] for each in (A, A.double()))
    assert single.value == pytest.approx(double.value, rel=1e-5)


@pytest.mark.parametrize("estimator", ALL)
def test_products_that_are_not_finite_end_at_once(estimator):
    with pytest.raises(FloatingPointError, match="nan"):
        estimator(Lambda(lambda v: v * float("nan"), 40))
    with pytest.raises(FloatingPointError, match="inf"):
        estimator(Lambda(lambda v: v * float("inf"), 40))


@pytest.mark.parametrize(
    "options",
    [{"rtol": 0}, {"rtol": math.nan}, {"min_matvecs": 1}, {"min_matvecs": 9, "max_matvecs": 8}, {"block_size": 0}],
)
@pytest.mark.parametrize("estimator", ALL)
def test_bad_requests_are_refused(estimator, options):
    with pytest.raises(UsageError):
        estimator(Dense(torch.eye(30)), **options)


def test_small_matrices_give_the_explicit_leave_one_out_estimates():
    A = matrix_with(SPECTRA["indefinite"])
    n, k = len(A), 6
    sketch = Sketch(Dense(A), sphere, 0, "explicit")
    sketch.grow(k)
    small = LeaveOneOut(sketch)
    small.update()
    omega = sketch.omega.T
    traces, squares = [], []
    for i in range(k):
        Q, _ = torch.linalg.qr(A @ omega[:, [j for j in range(k) if j != i]])
        v = omega[:, i] - Q @ (Q.T @ omega[:, i])
        scale = (n - k + 1) / (v @ v)
        traces.append(float((Q.T @ A @ Q).trace() + scale * (v @ A @ v)))
        squares.append(float((A @ Q).square().sum() + scale * (A @ v).square().sum()))
    np.testing.assert_allclose(small.traces(), traces, rtol=1e-9)
    np.testing.assert_allclose(_squares(small, sketch.Z @ sketch.Z.T), squares, rtol=1e-9)


def test_hutchpp_is_the_explicit_sum():
    A = matrix_with(SPECTRA["indefinite"])
    found = runs(hutchpp, A, 24, [0])[0]
    draws = [(sphere, "hutchpp range"), (signs, "hutchpp probe")]
    omega, z = (draw_probes(Dense(A), draw, 0, purpose, range(8)).T for draw, purpose in draws)
    Q, _ = torch.linalg.qr(A @ omega)
    outside = z - Q @ (Q.T @ z)
    samples = (Q.T @ A @ Q).trace() + (outside * (A @ outside)).sum(0)
    assert found.value == pytest.approx(float(samples.mean()), rel=1e-9)
    assert found.error == pytest.approx(student_factor(7) * float(samples.std()) / math.sqrt(8), rel=1e-9)
