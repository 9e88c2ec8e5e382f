"""This package in the benchmark, called as its README says."""

from collections.abc import Callable

from contender import batches_of, main
from problems import Loaded
from torch import Tensor

import landscape
from landscape.solvers import hessian_trace, spectral_density


def hessian(loaded: Loaded, setting: dict) -> landscape.Hessian:
    """Return the Hessian of the problem."""
    problem = landscape.Problem(loaded.model, "cross_entropy", batches_of(loaded, setting))
    return landscape.Hessian(problem, memory=setting.get("memory"))


def product(loaded: Loaded, setting: dict) -> Callable[[Tensor], Tensor]:
    """Return v -> Hv."""
    return hessian(loaded, setting).__matmul__


def eigenvalues(loaded: Loaded, setting: dict, seed: int) -> dict:
    """Return the k largest eigenvalues with their bounds."""
    pairs = landscape.lanczos(
        hessian(loaded, setting), k=setting["k"], rtol=1e-3, seed=seed, verify=setting.get("verify")
    )
    return {
        "values": pairs.values.tolist(),
        "bounds": pairs.residuals.tolist(),
        "products": pairs.matvecs,
        "certificate": "residuals" if pairs.converged else "residuals (says it has not converged)",
    }


def trace(loaded: Loaded, setting: dict, seed: int) -> dict:
    """Return the trace to a standard error of 2 %; exact where that can be."""
    estimate = hessian_trace(hessian(loaded, setting), rtol=0.02, seed=seed)
    certificate = "exact" if estimate.method == "exact" else "standard error"
    return {
        "trace": estimate.value,
        "error": estimate.error,
        "products": estimate.matvecs,
        "passes": estimate.passes,
        "certificate": certificate if estimate.converged else f"{certificate} (says it has not converged)",
    }


def density(loaded: Loaded, setting: dict, seed: int) -> dict:
    """Return nodes and weights of the spectral density from one probe, the resolved eigenvalues among them."""
    found = spectral_density(hessian(loaded, setting), num_probes=1, steps=setting["steps"], seed=seed)
    return {
        "nodes": [*found.resolved.tolist(), *found.nodes[0].tolist()],
        "weights": [1 / found.n] * len(found.resolved) + found.weights[0].tolist(),
        "products": found.matvecs,
        "certificate": "residuals of the edges, error bars over probes",
    }


if __name__ == "__main__":
    main(product, {"top1": eigenvalues, "top5": eigenvalues, "trace": trace, "density": density})
