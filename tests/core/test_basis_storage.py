"""The basis elsewhere, in blocks and rounded: the same eigenvalues, with residuals that are true."""

import numpy as np
import pytest
import torch
from known_spectra import matrix_with

from landscape import Dense, Lambda, lanczos, spectral_density
from landscape.errors import UsageError
from landscape.parts import Parts
from landscape.ranks import ALONE
from landscape.solvers.basis_rows import BasisRows
from landscape.solvers.basis_storage import BasisStorage
from landscape.solvers.krylov_basis import KrylovBasis
from landscape.solvers.krylov_run import KrylovRun
from landscape.solvers.stored_rows import StoredRows

OUTLIERS = np.array([50.0, 20.0, 10.0, 9.0, 5.0, *np.linspace(1, -1, 395)])
CLUSTERS = np.array([9.0, 9 - 1e-4, 7.0, *np.linspace(2, 1.9, 100), *np.linspace(1, 0, 197)])
REDUCED = [torch.float32, torch.float16, torch.bfloat16]


def dense(values, dtype=torch.float64, seed=0):
    return matrix_with(np.sort(values)[::-1], np.random.default_rng(seed), dtype)[0]


def true_residuals(A, pairs):
    V = pairs.vectors.double().cpu()
    return np.linalg.norm((A.double() @ V - V * torch.from_numpy(pairs.values)).numpy(), axis=0)


@pytest.mark.parametrize("dtype", [torch.float64, *REDUCED])
def test_rows_come_back_as_they_were_rounded(dtype, device):
    like = torch.empty(0, dtype=torch.float64, device=device)
    rows, v = StoredRows(10, like, BasisStorage(dtype=dtype), 4), []
    for index in range(20):
        v.append(torch.nn.functional.normalize(torch.arange(10.0).to(like) - index, dim=0))
        rows.append(v[-1])
    assert len(rows) == 20
    assert [cols.stop - cols.start for cols in rows.columns] == [4, 4, 2]
    eps = torch.finfo(dtype).eps
    for index, each in enumerate(v):
        assert float((rows.row(index) - each).abs().max()) <= eps
        assert torch.equal(torch.cat([rows.block(i)[index] for i in range(3)]), rows.row(index))
    assert rows.num_bytes >= 20 * 10 * dtype.itemsize


def test_blocks_of_columns_change_nothing_but_rounding(device):
    A = dense(OUTLIERS)
    options = {"bottom": 1, "rtol": 1e-4, "verify": False, "max_matvecs": 600}
    for more in ({}, {"max_basis": 40}, {"block_size": 3}):
        H = Dense(A.to(device))
        whole = lanczos(H, 5, **options, **more)
        blocks = lanczos(H, 5, **options, **more, storage=BasisStorage(torch.device("cpu"), columns=70))
        assert blocks.converged
        assert abs(blocks.matvecs - whole.matvecs) <= 3
        np.testing.assert_allclose(blocks.values, whole.values, rtol=1e-10)
        assert np.all(true_residuals(A, blocks) <= blocks.residuals)


@pytest.mark.parametrize("storage", REDUCED)
@pytest.mark.parametrize("values", [OUTLIERS, CLUSTERS], ids=["outliers", "clusters"])
@pytest.mark.parametrize("max_basis", [None, 40])
def test_a_rounded_basis_finds_the_same_with_true_residuals(storage, values, max_basis, device):
    A, exact = dense(values), np.sort(values)[::-1]
    options = {"rtol": 1e-5, "verify": False, "max_matvecs": 600, "max_basis": max_basis}
    pairs = lanczos(Dense(A.to(device)), 3, **options, storage=BasisStorage(dtype=storage))
    assert pairs.converged
    assert np.all(true_residuals(A, pairs) <= pairs.residuals * (1 + 1e-9))
    assert np.all(np.abs(pairs.values - exact[:3]) <= pairs.bounds)
    assert np.all(pairs.residuals <= 1e-5 * exact[:3])


@pytest.mark.parametrize("storage", REDUCED)
def test_what_rounding_costs_in_products(storage, device):
    """With the default tolerance: the vectors found are multiplied once more, and little else."""
    A = dense(OUTLIERS, torch.float32).to(device)
    exact = lanczos(Dense(A), 5, verify=False)
    rounded = lanczos(Dense(A), 5, verify=False, storage=BasisStorage(dtype=storage))
    assert rounded.converged
    assert exact.matvecs <= rounded.matvecs <= exact.matvecs + 12
    np.testing.assert_allclose(rounded.values, OUTLIERS[:5], rtol=1e-5)


def test_bounds_hold_for_rounded_bases_of_random_matrices():
    rng = np.random.default_rng(5)
    for seed in range(30):
        n = int(rng.integers(8, 60))
        A = dense(rng.normal(size=n) ** 3, torch.float64, seed)
        exact = np.linalg.eigvalsh(A.numpy())
        storage = BasisStorage(dtype=REDUCED[seed % 3], columns=int(rng.integers(3, 70)))
        pairs = lanczos(Dense(A), 2, bottom=1, rtol=1e-3, max_matvecs=80, storage=storage, seed=seed)
        assert np.all(true_residuals(A, pairs) <= pairs.residuals * (1 + 1e-9) + 1e-13)
        assert np.all(np.abs(exact[:, None] - pairs.values).min(axis=0) <= pairs.residuals + 1e-13)


def test_what_is_lost_to_rounding_is_in_the_leaks():
    A = dense(OUTLIERS)
    basis = KrylovBasis(Dense(A), BasisStorage(dtype=torch.bfloat16))
    basis.add(torch.ones(400))
    for _ in range(15):
        basis.expand()
    T = (basis.T + basis.T.T) / 2
    values, small = np.linalg.eigh(T)
    Y = basis.vectors(small)
    true = np.linalg.norm((A @ Y - Y * torch.from_numpy(values)).numpy(), axis=0)
    assert np.all(true <= basis.leaks(small))
    # and without it the residuals would be promised too small
    assert np.any(true > 2 * np.linalg.norm(basis.B @ small, axis=0))


def test_remainders_are_orthogonal_to_rows_that_are_not_quite_orthonormal():
    rows = BasisRows(
        Parts(ALONE, 60), torch.empty(0, dtype=torch.float64), BasisStorage(dtype=torch.bfloat16, columns=25)
    )
    generator = torch.Generator().manual_seed(0)
    for _ in range(6):
        v, _ = rows.remainder(torch.randn(60, generator=generator, dtype=torch.float64))
        rows.pending.append(v / v.norm())
        _, moved = rows.settle()
        assert 1e-4 < moved < 2**-8
    w = torch.randn(60, generator=generator, dtype=torch.float64)
    rest, components = rows.remainder(w)
    Q = rows.combined(np.eye(6))
    assert float((Q.T @ rest).abs().max()) < 1e-14
    torch.testing.assert_close(Q @ components + rest, w, rtol=1e-13, atol=1e-13)


@pytest.mark.parametrize(("n", "k", "most"), [(150, 60, 200), (58, 25, 70), (8, 3, 10)])
def test_a_space_that_is_spanned_before_it_can_be_corrected_is_not_converged(n, k, most):
    d = torch.linspace(-1, 1, n, dtype=torch.float64)
    storage = BasisStorage(dtype=torch.bfloat16)
    pairs = lanczos(Lambda(lambda v: d * v, n, dtype=torch.float64), k, rtol=1e-9, max_matvecs=most, storage=storage)
    assert pairs.matvecs <= most
    assert not pairs.converged
    assert pairs.reason.startswith(f"max_matvecs ({most}) reached")
    true = np.sort(d.numpy())[::-1][:k]
    assert np.all(np.abs(pairs.values - true) <= pairs.bounds)


@pytest.mark.parametrize("storage", [torch.bfloat16, torch.float16])
def test_copies_of_an_eigenvalue_are_not_hidden_by_rounding(storage):
    for seed in range(1, 9):
        values = np.sort(np.r_[10.0, 10.0, 9.0, 8.0, np.linspace(-1, 1, 196)])[::-1]
        A = dense(values, seed=seed)
        pairs = lanczos(
            Dense(A), 3, rtol=1e-4, max_matvecs=300, verify=True, seed=seed, storage=BasisStorage(dtype=storage)
        )
        assert pairs.converged
        np.testing.assert_allclose(pairs.values, [10.0, 10.0, 9.0], rtol=1e-4)


def test_residuals_hold_after_restarts_of_a_rounded_basis():
    rng = np.random.default_rng(0)
    for trial in range(25):
        n = int(rng.choice([12, 20, 40, 100]))
        A = dense(np.sort(rng.normal(size=n) ** 3)[::-1], seed=trial)
        basis = KrylovBasis(Dense(A), BasisStorage(dtype=torch.bfloat16))
        keep = int(rng.integers(1, 5))
        for _ in range(1 + (trial % 3 == 0)):
            basis.add(torch.from_numpy(rng.normal(size=n)))
        basis.rows.bound(keep if trial % 2 else 0, 50, at_once=True)
        for _ in range(4):
            while basis.size < min(9, n - 3):
                basis.expand(min(basis.pending, 1 + trial % 2))
            small = np.linalg.eigh((basis.T + basis.T.T) / 2)[1]
            basis.restart(small[:, ::-1][:, :keep])
            values, small = np.linalg.eigh((basis.T + basis.T.T) / 2)
            Y = basis.vectors(small)
            true = np.linalg.norm((A @ Y - Y * torch.from_numpy(values)).numpy(), axis=0)
            assert np.all(true <= basis.leaks(small) * (1 + 1e-9) + 1e-13), trial


def test_density_with_its_vectors_elsewhere_is_the_same(device):
    A = Dense(dense(OUTLIERS).to(device))
    here, there = (
        spectral_density(A, num_probes=2, steps=20, storage=each)
        for each in (None, BasisStorage(torch.device("cpu"), columns=33))
    )
    np.testing.assert_allclose(there.nodes, here.nodes, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(there.resolved, here.resolved, rtol=1e-12)


def test_what_holds_no_vectors_is_refused():
    with pytest.raises(UsageError, match="bfloat16"):
        BasisStorage(dtype=torch.int8)
    assert lanczos(Lambda(lambda v: 2 * v, 50), 1, storage=BasisStorage(dtype=torch.float16)).converged


@pytest.mark.parametrize("at", [1, 7])
def test_a_run_that_was_interrupted_goes_on(at):
    """It took the vector in hand for one that the operator sends to zero, and called its space invariant."""
    A, calls = dense(OUTLIERS), []

    def product(v):
        calls.append(1)
        if len(calls) == at:
            raise KeyboardInterrupt
        return A @ v

    run = KrylovRun(Lambda(product, 400, dtype=torch.float64), 0)
    with pytest.raises(KeyboardInterrupt):
        run.eigenpairs(1, 0, rtol=1e-6, max_matvecs=60)
    expected = KrylovRun(Dense(A), 0).eigenpairs(1, 0, rtol=1e-6, max_matvecs=60)
    np.testing.assert_array_equal(run.eigenpairs(1, 0, rtol=1e-6, max_matvecs=60).values, expected.values)


@pytest.mark.parametrize("storage", [None, torch.bfloat16])
def test_a_product_that_is_not_finite_leaves_no_row_behind_that_looks_multiplied(storage):
    A, broken = dense(OUTLIERS), [False]

    def product(v):
        return A @ v * (float("nan") if broken[0] else 1.0)

    basis = KrylovBasis(Lambda(product, 400, dtype=torch.float64), BasisStorage(dtype=storage))
    basis.add(torch.ones(400))
    for _ in range(12):
        basis.expand()
    broken[0] = True
    for _ in range(2):
        with pytest.raises(FloatingPointError, match="nan"):
            basis.expand()
        assert (basis.size, basis.pending) == (12, 1)
    broken[0] = False
    for _ in range(8):
        basis.expand()
    values, small = np.linalg.eigh((basis.T + basis.T.T) / 2)
    Y = basis.vectors(small)
    true = np.linalg.norm((A @ Y - Y * torch.from_numpy(values)).numpy(), axis=0)
    assert np.all(true <= basis.leaks(small) + 1e-12)
