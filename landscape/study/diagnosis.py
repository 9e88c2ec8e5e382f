"""Small checks that this machine computes curvature rightly, and a look for the data."""

from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from landscape.data.load import data_folder
from landscape.operators import Hessian
from landscape.problem import Problem


def double_backward_error(device: torch.device) -> float:
    r"""Return the relative error of a Hessian-vector product against $X^\top X v / n$ of linear regression."""
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(50, 7, generator=generator).to(device)
    v = torch.randn(7, generator=generator).to(device)
    model = nn.Linear(7, 1, bias=False).to(device)
    product = Hessian(Problem(model, "half_squared", (x, torch.zeros(50, 1, device=device)))) @ v
    exact = x.T @ (x @ v) / 50
    return float((product - exact).norm() / exact.norm())


class _Attention(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.projection = nn.Linear(4, 12)

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = self.projection(x).chunk(3, dim=-1)
        return F.scaled_dot_product_attention(q, k, v).mean(1)


def attention_error(device: torch.device) -> float:
    """Return how far a product through attention is from symmetric, relative to its size."""
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(3, 5, 4, generator=generator).to(device)
    model = _Attention().to(device)
    hessian = Hessian(Problem(model, "half_squared", (x, torch.zeros(3, 4, device=device))))
    u, v = torch.randn(2, hessian.shape[0], generator=generator).to(device)
    Hu, Hv = hessian @ u, hessian @ v
    return float((v @ Hu - u @ Hv).abs() / (Hu.norm() * v.norm()))


def data_found(folder: Path | None) -> dict[str, str]:
    """Return for each data set where it lies, or that it is missing."""
    root = data_folder(folder)
    places = {
        "mnist": root / "MNIST" / "raw" / "train-images-idx3-ubyte",
        "fashion-mnist": root / "FashionMNIST" / "raw" / "train-images-idx3-ubyte",
        "cifar10": root / "cifar-10-batches-py" / "data_batch_1",
        "cifar100": root / "cifar-100-python" / "train",
    }
    found = {name: str(root) if path.exists() else f"not in {root}" for name, path in places.items()}
    return {"digits": "embedded", **found}
