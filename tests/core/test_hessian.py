import gc
import resource

import pytest
import torch
from dense_oracle import dense_hessian
from torch import nn
from torch.nn import functional as F

from landscape import Dense, Hessian, Lambda, Preconditioned, Problem
from landscape.errors import ProblemError
from landscape.losses import cross_entropy, half_squared
from landscape.operators.preconditioned import adam_preconditioner


def test_linear_regression_is_xtx_over_n(device):
    x = torch.randn(40, 6, dtype=torch.float64)
    model = nn.Linear(6, 1, bias=False).double()
    data = x, torch.zeros(40, 1, dtype=torch.float64)
    H = Hessian(Problem(model, "half_squared", data, batch_size=7, device=device))
    torch.testing.assert_close(H.to_dense().cpu(), x.T @ x / 40, rtol=1e-12, atol=1e-13)


class Product(nn.Module):
    def __init__(self, a, b):
        super().__init__()
        self.a = nn.Parameter(torch.tensor(a, dtype=torch.float64))
        self.b = nn.Parameter(torch.tensor(b, dtype=torch.float64))

    def forward(self, x):
        return (self.a * self.b).expand(len(x), 1)


def test_two_factor_product_has_trace_of_squares():
    a = 1.7
    one = torch.ones(3, 1, dtype=torch.float64)
    H = Hessian(Problem(Product(a, 1 / a), "half_squared", (one, one))).to_dense()
    assert float(torch.linalg.eigvalsh(H)[-1]) == pytest.approx(a**2 + a**-2, rel=1e-12)


def test_softmax_regression(device):
    x, y = torch.randn(30, 4, dtype=torch.float64), torch.randint(3, (30,))
    model = nn.Linear(4, 3, bias=False).double()
    p = model(x).softmax(1).detach()
    blocks = torch.diag_embed(p) - p[:, :, None] * p[:, None, :]
    exact = torch.einsum("nab,ni,nj->aibj", blocks, x, x).reshape(12, 12) / 30
    H = Hessian(Problem(model, "cross_entropy", (x, y), batch_size=11, device=device)).to_dense()
    torch.testing.assert_close(H.cpu(), exact, rtol=1e-12, atol=1e-14)


def digits_mlp():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(64, 30), nn.Tanh(), nn.Linear(30, 10), nn.Tanh(), nn.Linear(10, 15)).double()
    return model, torch.randn(50, 64, dtype=torch.float64), torch.randint(10, (50,))


def test_mlp_of_2410_parameters_against_dense():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(64, 32), nn.Tanh(), nn.Linear(32, 10)).double()
    assert sum(each.numel() for each in model.parameters()) == 2410
    x, y = torch.randn(60, 64, dtype=torch.float64), torch.randint(10, (60,))
    exact = dense_hessian(model, F.cross_entropy, x, y)
    H = Hessian(Problem(model, "cross_entropy", (x, y), batch_size=25))
    v = torch.randn(2410, 3, dtype=torch.float64)
    assert (H @ v - exact @ v).norm() <= 1e-12 * (exact @ v).norm()
    assert (H @ v[:, 0] - exact @ v[:, 0]).norm() <= 1e-12 * (exact @ v[:, 0]).norm()


NETWORKS = {
    "batch norm": lambda: nn.Sequential(nn.Linear(6, 5), nn.BatchNorm1d(5), nn.ReLU(), nn.Linear(5, 3)),
    "layer norm": lambda: nn.Sequential(nn.Linear(6, 5), nn.LayerNorm(5), nn.Tanh(), nn.Linear(5, 3)),
    "convolution": lambda: nn.Sequential(
        nn.Unflatten(1, (1, 6)), nn.Conv1d(1, 4, 3), nn.ReLU(), nn.MaxPool1d(2), nn.Flatten(), nn.Linear(8, 3)
    ),
    "attention": lambda: nn.Sequential(
        nn.Unflatten(1, (2, 3)),
        nn.TransformerEncoderLayer(3, 1, 4, dropout=0.0, batch_first=True),
        nn.Flatten(),
        nn.Linear(6, 3),
    ),
}


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("loss", [cross_entropy, half_squared])
def test_networks_against_dense(name, loss, device):
    torch.manual_seed(0)
    model = NETWORKS[name]().double().eval()
    x, y = torch.randn(20, 6, dtype=torch.float64), torch.randint(3, (20,))
    with torch.nn.attention.sdpa_kernel(torch.nn.attention.SDPBackend.MATH):
        exact = dense_hessian(model, loss, x, y)
    H = Hessian(Problem(model.train(), loss, (x, y), batch_size=7, device=device)).to_dense().cpu()
    assert (H - exact).norm() <= 1e-12 * exact.norm()
    assert (H - H.T).norm() <= 1e-13 * exact.norm()


def test_linear_loss_and_unused_parameter_have_zero_curvature(device):
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.used, self.unused = nn.Parameter(torch.ones(3)), nn.Parameter(torch.ones(2))

        def forward(self, x):
            return x @ self.used

    def linear(model, batch):
        return model(batch[0]).mean()

    H = Hessian(Problem(Net(), linear, (torch.randn(4, 3),), device=device))
    assert torch.equal((H @ torch.ones(5)).cpu(), torch.zeros(5))


def test_held_and_recomputed_graphs_agree_and_memory_does_not_grow():
    model, x, y = digits_mlp()
    problem = Problem(model, "cross_entropy", (x.repeat(40, 1), y.repeat(40)), batch_size=250)
    v = torch.randn(problem.num_parameters, dtype=torch.float64)
    results = []
    full = Hessian(problem, product="double backward")
    _ = full @ v
    one = full.batches.held_bytes // 8
    for memory, held in ((3 * one // 2, 0), (7 * one // 2, 2), (2**30, 8)):
        H = Hessian(problem, memory=memory, product="double backward")
        for _ in range(20):
            Hv = H @ v
        gc.collect()
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        for _ in range(180):
            Hv = H @ v
        # one batch's graph is some 1,500 KiB: growth with the number of products would be hundreds of MB
        assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 20_000
        assert H.batches.count == held
        assert H.batches.held_bytes <= memory
        results.append(Hv)
    assert torch.equal(results[0], results[1])
    assert torch.equal(results[0], results[2])


def test_block_product_and_scipy_agree_with_vectors(device):
    A = torch.randn(6, 6, dtype=torch.float64).to(device)
    H = Dense(A + A.T)
    V = torch.randn(6, 2, dtype=torch.float64)
    exact = (A + A.T) @ V.to(device)
    torch.testing.assert_close(H @ V, exact)
    torch.testing.assert_close(torch.from_numpy(H.to_scipy() @ V.numpy()), exact.cpu())
    same = Lambda(lambda v: (A + A.T) @ v, 6, torch.float64, device)
    torch.testing.assert_close(same.to_dense(), A + A.T)


def test_vector_of_the_wrong_length_is_refused():
    with pytest.raises(ValueError, match="does not go with"):
        Dense(torch.eye(3)) @ torch.ones(4)


def test_preconditioned_has_the_eigenvalues_of_p_inverse_h(device):
    A = torch.randn(8, 8, dtype=torch.float64)
    H, d = A + A.T, torch.rand(8, dtype=torch.float64) + 0.1
    values = torch.linalg.eigvalsh(Preconditioned(Dense(H.to(device)), d.to(device)).to_dense()).cpu()
    exact = torch.linalg.eigvals(torch.diag(1 / d) @ H).real.sort().values
    torch.testing.assert_close(values, exact)
    with pytest.raises(ValueError, match="positive"):
        Preconditioned(Dense(H), d - d[0])


def test_adam_preconditioner_is_the_denominator_of_torch(device):
    """Adam's step is lr * m_hat / P: read P back from what torch did."""
    w = torch.tensor([1.0, -2.0, 0.5], dtype=torch.float64, device=device, requires_grad=True)
    optimizer = torch.optim.Adam([w], lr=0.1, betas=(0.9, 0.99), eps=1e-3)
    for step in range(1, 6):
        before = w.detach().clone()
        w.grad = torch.tensor([0.3, -1.0, 2.0], dtype=torch.float64, device=device) * step
        optimizer.step()
        state = optimizer.state[w]
        m_hat = state["exp_avg"] / (1 - 0.9**step)
        P = adam_preconditioner(state["exp_avg_sq"], step, beta2=0.99, eps=1e-3)
        torch.testing.assert_close(before - 0.1 * m_hat / P, w.detach(), rtol=1e-12, atol=0)


class OnlyOnce(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x.sin()

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx, gradient):
        return gradient * ctx.saved_tensors[0].cos()


class Hidden(nn.Module):
    def forward(self, x):
        return OnlyOnce.apply(x)


def test_a_model_without_double_backward_is_refused():
    """autograd.grad leaves such a node out without a word, and the product is wrong or zero."""
    model = nn.Sequential(nn.Linear(4, 5), Hidden(), nn.Linear(5, 1))
    H = Hessian(Problem(model, "half_squared", (torch.randn(6, 4), torch.zeros(6, 1))))
    with pytest.raises(ProblemError, match="cannot be differentiated again"):
        _ = H @ torch.ones(H.shape[0])
