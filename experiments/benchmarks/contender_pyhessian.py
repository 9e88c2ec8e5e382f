"""PyHessian in the benchmark. Products are counted by wrapping its two functions that make them."""

import math
import sys
from collections.abc import Callable

import pyhessian
import torch
from contender import batches_of, main
from problems import Loaded
from torch import Tensor

# the package's attribute of this name is the class in it
package = sys.modules[pyhessian.hessian.__module__]
COUNT = [0]


def counted(function: Callable) -> Callable:
    """Return the function, counting its calls."""

    def call(*arguments: object) -> object:
        COUNT[0] += 1
        return function(*arguments)

    return call


package.hessian.dataloader_hv_product = counted(package.hessian.dataloader_hv_product)
package.hessian_vector_product = counted(package.hessian_vector_product)


def hessian(loaded: Loaded, setting: dict) -> package.hessian:
    """Return its object; with all examples as one batch it holds the graph of the gradient."""
    criterion, batches = torch.nn.CrossEntropyLoss(), batches_of(loaded, setting)
    if setting.get("batches") == "whole":
        return package.hessian(loaded.model, criterion, data=batches[0], cuda=False)
    return package.hessian(loaded.model, criterion, dataloader=batches, cuda=False)


def product(loaded: Loaded, setting: dict) -> Callable[[Tensor], object]:
    """Return v -> Hv."""
    H = hessian(loaded, setting)

    def times(v: Tensor) -> object:
        parts = v.split([each.numel() for each in H.params])
        pieces = [part.view_as(each) for part, each in zip(parts, H.params, strict=True)]
        if H.full_dataset:
            return H.dataloader_hv_product(pieces)
        return package.hessian_vector_product(H.gradsH, H.params, pieces)

    return times


def eigenvalues(loaded: Loaded, setting: dict, seed: int) -> dict:
    """Return the k largest eigenvalues in magnitude by power iteration with deflation."""
    COUNT[0] = 0
    torch.manual_seed(seed)
    H = hessian(loaded, setting)
    values, _ = H.eigenvalues(maxIter=setting["most"], tol=setting["tol"], top_n=setting["k"])
    return {"values": values, "products": COUNT[0], "certificate": "none"}


def trace(loaded: Loaded, setting: dict, seed: int) -> dict:
    """Return the mean of random probes; the standard error is ours, from the probes that it returns."""
    COUNT[0] = 0
    torch.manual_seed(seed)
    probes = torch.tensor(hessian(loaded, setting).trace(maxIter=setting["most"], tol=setting["tol"]))
    error = float(probes.std()) / math.sqrt(len(probes)) if len(probes) > 1 else None
    return {"trace": float(probes.mean()), "error": error, "products": COUNT[0], "certificate": "probes returned"}


def density(loaded: Loaded, setting: dict, seed: int) -> dict:
    """Return nodes and weights from one run of stochastic Lanczos."""
    COUNT[0] = 0
    torch.manual_seed(seed)
    if setting.get("repaired"):
        torch.eig = old_eig
    nodes, weights = hessian(loaded, setting).density(iter=setting["steps"], n_v=1)
    nodes, weights = [float(each) for each in nodes[0]], [float(each) for each in weights[0]]
    return {"nodes": nodes, "weights": weights, "products": COUNT[0], "certificate": "none"}


def old_eig(T: Tensor, eigenvectors: bool) -> tuple[Tensor, Tensor]:
    """Return what ``torch.eig``, which PyTorch removed in 1.13, gave for a symmetric matrix."""
    values, vectors = torch.linalg.eigh(T)
    return torch.stack([values, torch.zeros_like(values)], dim=1), vectors


if __name__ == "__main__":
    main(product, {"top1": eigenvalues, "top5": eigenvalues, "trace": trace, "density": density})
