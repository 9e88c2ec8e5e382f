import numpy as np
import pytest
import torch
from known_spectra import many, matrix_with

from landscape import Dense, Lambda, lanczos
from landscape.errors import ProblemError, UsageError
from landscape.solvers import check_symmetric

OUTLIERS = [50.0, 20.0, 10.0, 9.0, 5.0, *np.linspace(1, -1, 195)]


def dense(values, seed=0, dtype=torch.float64):
    return matrix_with(np.sort(values)[::-1], np.random.default_rng(seed), dtype)[0]


def counting(A, calls):
    def product(v):
        calls.append(v)
        return A @ v

    return Lambda(product, len(A), A.dtype, A.device)


def test_both_ends_of_every_kind_of_spectrum_with_multiplicities():
    rng = np.random.default_rng(2)
    for seed, (kind, A, exact) in enumerate(many(700, seed=1, largest=24)):
        n = len(exact)
        k = int(rng.integers(0, n + 1))
        bottom = int(rng.integers(0, n - k + 1)) or int(k == 0)
        pairs = lanczos(Dense(A), k, bottom=bottom, rtol=1e-4, max_matvecs=60, seed=seed)
        wanted = np.concatenate([exact[:k], exact[n - bottom :]])
        rounding = 1e3 * torch.finfo(A.dtype).eps * np.abs(exact).max()
        assert pairs.converged, (kind, seed, pairs.reason)
        assert np.all(np.abs(pairs.values - wanted) <= 2e-4 * np.abs(wanted) + rounding), (kind, seed)
        assert np.all(np.diff(pairs.values) <= 0)
        gram = pairs.vectors.T @ pairs.vectors
        assert float((gram - torch.eye(k + bottom, dtype=A.dtype)).abs().max()) < 100 * torch.finfo(A.dtype).eps


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
@pytest.mark.parametrize("copies", [2, 3, 5])
def test_a_repeated_eigenvalue_is_found_as_often_as_it_is_there(copies, dtype, device):
    values = np.array([5.0] * copies + list(np.linspace(4, 0, 300)))
    for seed in range(3):
        pairs = lanczos(Dense(dense(values, seed, dtype).to(device)), k=copies + 1, seed=seed)
        np.testing.assert_allclose(pairs.values, [5.0] * copies + [4.0], rtol=1e-3)
        assert pairs.converged
        assert "complement" in pairs.reason


def test_identity_and_zero_are_all_multiplicity():
    for value in (2.5, 0.0):
        pairs = lanczos(Lambda(lambda v, value=value: value * v, 5000), k=4)
        assert pairs.values.tolist() == pytest.approx([value] * 4)
        assert pairs.converged
        assert pairs.matvecs <= 6


def test_copies_in_a_large_operator_are_found_where_they_are_looked_for():
    d = torch.linspace(1, 0, 30_000)
    d[:4] = torch.tensor([9.0, 9.0, 9.0, 7.0])
    operator = Lambda(lambda v: d * v, len(d))
    np.testing.assert_allclose(lanczos(operator, k=4, verify=True).values, [9, 9, 9, 7], rtol=1e-3)
    # without looking, a Krylov space holds one vector of each eigenspace
    assert lanczos(operator, k=2, verify=False).values[1] < 8


def test_the_complement_is_not_searched_without_need():
    d = torch.linspace(1, 0, 30_000)
    d[:3] = torch.tensor([9.0, 7.0, 5.0])
    operator = Lambda(lambda v: d * v, len(d))
    assert lanczos(operator, k=3).matvecs == lanczos(operator, k=3, verify=False).matvecs
    assert lanczos(operator, k=3, verify=True).matvecs > lanczos(operator, k=3).matvecs


def test_top_values_within_a_percent_are_suspected():
    d = torch.linspace(1, 0, 5000)
    d[:3] = torch.tensor([9.0, 9.0, 8.99])
    pairs = lanczos(Lambda(lambda v: d * v, len(d)), k=3)
    np.testing.assert_allclose(pairs.values, [9, 9, 8.99], rtol=1e-3)


@pytest.mark.parametrize("max_basis", [9, 12, 20])
@pytest.mark.parametrize("wanted", [(3, 0), (0, 3), (2, 2)])
def test_thick_restart_finds_what_the_whole_basis_finds(wanted, max_basis, device):
    A = dense(OUTLIERS).to(device)
    k, bottom = wanted
    whole = lanczos(Dense(A), k, bottom=bottom, rtol=1e-6, verify=False, max_matvecs=300)
    calls = []
    thin = lanczos(counting(A, calls), k, bottom=bottom, rtol=1e-6, max_basis=max_basis, verify=False, max_matvecs=3000)
    assert thin.converged
    assert thin.matvecs == len(calls) >= whole.matvecs
    np.testing.assert_allclose(thin.values, whole.values, rtol=1e-9)
    overlap = (thin.vectors * whole.vectors).sum(dim=0).abs()
    assert float((1 - overlap).max()) < 1e-9


def test_a_restarted_basis_stays_within_its_memory():
    from landscape.solvers.complement_check import ComplementCheck
    from landscape.solvers.eigen_request import EigenRequest
    from landscape.solvers.krylov_basis import KrylovBasis
    from landscape.solvers.subspace_search import SubspaceSearch

    request = EigenRequest(200, 2, 0, 1e-8, 500)
    basis = KrylovBasis(Dense(dense(OUTLIERS)))
    search = SubspaceSearch(basis, request, 0, block=1, max_basis=10)
    totals = []
    expand = basis.expand
    basis.expand = lambda count: (expand(count), totals.append(basis.total))[0]
    assert search.run(ComplementCheck(request, warm=False, verify=False)).converged
    assert max(totals) == 10


@pytest.mark.parametrize("keep", [2, 3, 5])
def test_a_restart_keeps_the_space_that_it_is_given(keep):
    from landscape.solvers.krylov_basis import KrylovBasis
    from landscape.solvers.random_line import RandomLine

    basis, generator = KrylovBasis(Dense(dense(OUTLIERS))), np.random.default_rng(0)
    basis.add(torch.from_numpy(generator.normal(size=200)))
    for _ in range(6):
        basis.expand()
    line = RandomLine(basis)
    # of six rows the line has the last three; it may be left with fewer than the three before it
    line.begin = line._first = 3
    small = np.linalg.qr(generator.normal(size=(6, keep)))[0]
    expected = np.linalg.eigvalsh(small.T @ basis.T @ small)
    line.restart(small, min(3, keep))
    assert basis.size == keep
    np.testing.assert_allclose(np.linalg.eigvalsh(basis.T), expected, rtol=1e-12)


def test_blocks_are_multiplied_at_once_and_find_the_same(device):
    A, shapes = dense(OUTLIERS).to(device), []

    class Blocks(Dense):
        def __matmul__(self, v):
            shapes.append(tuple(v.shape))
            return super().__matmul__(v)

    pairs = lanczos(Blocks(A), k=3, rtol=1e-5, block_size=3, verify=False)
    assert pairs.converged
    np.testing.assert_allclose(pairs.values, OUTLIERS[:3], rtol=1e-5)
    assert set(shapes) == {(200, 3)}
    assert pairs.matvecs == 3 * len(shapes) == pairs.cost


def test_a_block_finds_copies_without_a_search():
    d = torch.linspace(1, 0, 5000, dtype=torch.float64)
    d[:2] = 9.0
    pairs = lanczos(Lambda(lambda v: d * v, 5000, torch.float64), k=2, block_size=2, verify=False)
    np.testing.assert_allclose(pairs.values, [9, 9], rtol=1e-5)


@pytest.mark.parametrize("max_matvecs", [1, 3, 7, 8])
@pytest.mark.parametrize("options", [{}, {"block_size": 3}, {"start": torch.eye(80, 5)}])
def test_products_are_counted_and_limited_exactly(options, max_matvecs):
    calls = []
    operator = counting(dense(np.linspace(1, 0.9, 80)), calls)
    pairs = lanczos(operator, k=2, rtol=1e-9, max_matvecs=max_matvecs, **options)
    assert pairs.matvecs == pairs.cost == len(calls) == max_matvecs
    assert not pairs.converged
    assert "max_matvecs" in pairs.reason
    assert len(pairs.values) == min(2, max_matvecs)


def test_warm_vectors_cost_less_than_a_cold_start(device):
    A = dense(OUTLIERS)
    generator = torch.Generator().manual_seed(0)
    noise = torch.randn(200, 200, generator=generator, dtype=torch.float64)
    moved = (A + 0.0005 * (noise + noise.T)).to(device)
    A = A.to(device)
    before = lanczos(Dense(A), k=5, verify=False)
    cold = lanczos(Dense(moved), k=5, verify=False)
    warm = lanczos(Dense(moved), k=5, start=before.vectors, verify=False)
    assert warm.converged
    assert warm.matvecs <= 0.8 * cold.matvecs
    np.testing.assert_allclose(warm.values, cold.values, rtol=1e-3)
    again = lanczos(Dense(A), k=5, start=before.vectors, verify=False)
    assert again.matvecs == 5


def test_a_warm_start_on_the_wrong_eigenvector_is_not_believed():
    d = torch.linspace(3, 0, 100, dtype=torch.float64)
    start = torch.zeros(100, dtype=torch.float64)
    start[50] = 1
    assert lanczos(Dense(torch.diag(d)), start=start).values[0] == pytest.approx(3, rel=1e-4)


def test_dependent_and_too_many_start_vectors_do_no_harm():
    A = dense(OUTLIERS)
    v = torch.randn(200, 1, dtype=torch.float64)
    pairs = lanczos(Dense(A), k=1, start=torch.cat([v, 2 * v, v + 1e-17], dim=1))
    assert pairs.values[0] == pytest.approx(50, rel=1e-5)


def test_single_precision_of_a_large_operator(device):
    n = 300_000
    d = torch.linspace(1, -0.5, n)
    d[:5] = torch.tensor([30.0, 20.0, 10.0, 5.0, 4.0])
    d = d.to(device)
    pairs = lanczos(Lambda(lambda v: d * v, n, device=device), k=5, rtol=1e-4, verify=False, max_basis=30)
    assert pairs.converged
    np.testing.assert_allclose(pairs.values, [30, 20, 10, 5, 4], rtol=1e-5)
    values = torch.from_numpy(pairs.values.copy()).to(d)
    true = (d[:, None] * pairs.vectors - pairs.vectors * values).norm(dim=0)
    assert np.all(true.cpu().numpy() <= pairs.residuals)
    gram = (pairs.vectors.double().T @ pairs.vectors.double()).cpu()
    assert float((gram - torch.eye(5, dtype=torch.float64)).abs().max()) < 1e-5


@pytest.mark.parametrize(
    ("share", "dtype"), [(1e-4, torch.float64), (0.2, torch.float64), (0.2, torch.float32), (1.0, torch.float32)]
)
def test_an_operator_that_is_not_symmetric_is_refused(share, dtype, device):
    generator = torch.Generator().manual_seed(0)
    G = torch.randn(2000, 2000, generator=generator, dtype=dtype).to(device)
    A = (G + G.T) / 2 + share * (G - G.T) / 2
    for call in (lanczos, check_symmetric):
        with pytest.raises(ProblemError, match=r"not symmetric: .* differ by"):
            call(Dense(A))
    assert check_symmetric(Dense(G + G.T)) < 1e-5
    lanczos(Dense(G + G.T), rtol=1e-2)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_start_that_the_operator_maps_to_zero_does_not_make_it_asymmetric(dtype):
    """Products of rounding alone were judged by their own size."""
    for seed in range(10):
        Q = torch.linalg.qr(torch.randn(40, 40, dtype=torch.float64, generator=torch.Generator().manual_seed(seed)))[0]
        A = (Q[:, :5] * torch.arange(1.0, 6, dtype=torch.float64)) @ Q[:, :5].T
        pairs = lanczos(Dense(((A + A.T) / 2).to(dtype)), 1, start=Q[:, [10, 11]].to(dtype))
        assert abs(pairs.values[0] - 5) <= pairs.bounds[0]


def test_check_symmetric_of_zero_is_zero():
    assert check_symmetric(Lambda(torch.zeros_like, 9)) == 0


def test_a_product_that_is_not_a_number_is_named():
    calls = []

    def product(v):
        calls.append(1)
        return v * (float("nan") if len(calls) == 4 else torch.linspace(0, 1, 50))

    with pytest.raises(FloatingPointError, match=r"nan.*product 4"):
        lanczos(Lambda(product, 50), rtol=1e-9)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"k": 4}, "1 to 3"),
        ({"k": 2, "bottom": 2}, "2 at the bottom"),
        ({"k": 0}, "1 to 3"),
        ({"k": 2, "bottom": -1}, "none negative"),
        ({"rtol": -1}, "rtol"),
        ({"rtol": float("nan")}, "rtol"),
        ({"rtol": float("inf")}, "rtol"),
        ({"max_matvecs": 0}, "max_matvecs"),
        ({"block_size": 0}, "block_size"),
        ({"max_basis": 2}, "at least 3"),
        ({"start": torch.zeros(3)}, "no direction"),
        ({"start": torch.full((3,), float("nan"))}, "no direction"),
        ({"start": torch.ones(4)}, r"\(3,\)"),
        ({"start": torch.ones(3, 0)}, r"\(3,\)"),
    ],
)
def test_bad_requests_are_refused_in_words(options, words):
    with pytest.raises(UsageError, match=words):
        lanczos(Dense(torch.eye(3)), **options)
