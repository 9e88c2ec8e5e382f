"""This package in the benchmark, called as its README says."""

from collections.abc import Callable

from contender import batches_of, main
from problems import Loaded
from torch import Tensor

import landscape


def hessian(loaded: Loaded, setting: dict) -> landscape.Hessian:
    """Return the Hessian of the problem."""
    return landscape.Hessian(landscape.Problem(loaded.model, "cross_entropy", batches_of(loaded, setting)))


def product(loaded: Loaded, setting: dict) -> Callable[[Tensor], Tensor]:
    """Return v -> Hv."""
    return hessian(loaded, setting).__matmul__


def eigenvalues(loaded: Loaded, setting: dict, seed: int) -> dict:
    """Return the k largest eigenvalues with their bounds."""
    pairs = landscape.lanczos(hessian(loaded, setting), k=setting["k"], rtol=1e-3, seed=seed)
    return {
        "values": pairs.values.tolist(),
        "bounds": pairs.residuals.tolist(),
        "products": pairs.matvecs,
        "certificate": "residuals" if pairs.converged else "residuals (says it has not converged)",
    }


def trace(loaded: Loaded, setting: dict, seed: int) -> dict:
    """Return the trace to a standard error of 2 %; exact where this version can do that."""
    if hasattr(landscape, "hessian_trace"):
        problem = landscape.Problem(loaded.model, "cross_entropy", batches_of(loaded, setting))
        estimate = landscape.hessian_trace(problem, rtol=0.02, seed=seed)
    else:
        estimate = landscape.hutchinson(hessian(loaded, setting), rtol=0.02, seed=seed)
    certificate = "standard error" if estimate.error else "exact"
    return {
        "trace": estimate.value,
        "error": estimate.error,
        "products": estimate.matvecs,
        "certificate": certificate if estimate.converged else f"{certificate} (says it has not converged)",
    }


def density(loaded: Loaded, setting: dict, seed: int) -> dict:
    """Return nodes and weights of the spectral density from one probe."""
    H = hessian(loaded, setting)
    found = landscape.spectral_density(H, num_probes=1, steps=setting["steps"], seed=seed)
    nodes, weights = (getattr(found, name) for name in ("nodes", "weights"))
    return {
        "nodes": nodes.reshape(-1).tolist(),
        "weights": weights.reshape(-1).tolist(),
        "products": found.matvecs,
        "certificate": "error bars over probes",
    }


if __name__ == "__main__":
    main(product, {"top1": eigenvalues, "top5": eigenvalues, "trace": trace, "density": density})
