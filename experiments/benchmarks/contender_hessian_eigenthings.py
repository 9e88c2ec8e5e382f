"""hessian-eigenthings in the benchmark. Products are counted by wrapping its operator's ``matvec``."""

from collections.abc import Callable

import hessian_eigenthings as package
import torch
from contender import batches_of, main
from problems import Loaded
from torch import Tensor


class Counted(package.HessianOperator):
    """Its operator, counting its products."""

    products = 0

    def matvec(self, v: Tensor) -> Tensor:
        """Return Hv."""
        self.products += 1
        return super().matvec(v)


def hessian(loaded: Loaded, setting: dict) -> Counted:
    """Return its operator."""
    loss = package.supervised_loss(torch.nn.CrossEntropyLoss())
    return Counted(loaded.model, batches_of(loaded, setting), loss)


def product(loaded: Loaded, setting: dict) -> Callable[[Tensor], Tensor]:
    """Return v -> Hv."""
    return hessian(loaded, setting).matvec


def eigenvalues(loaded: Loaded, setting: dict, seed: int) -> dict:
    """Return k eigenvalues by Lanczos with the options of the setting."""
    H = hessian(loaded, setting)
    found = package.lanczos(H, k=setting["k"], seed=seed, **setting.get("options", {}))
    return {
        "values": found.eigenvalues.tolist(),
        "bounds": found.residuals.tolist(),
        "products": H.products,
        "certificate": "residuals" if bool(found.converged.all()) else "residuals (says it has not converged)",
    }


def trace(loaded: Loaded, setting: dict, seed: int) -> dict:
    """Return its estimate of the trace with its standard error."""
    H = hessian(loaded, setting)
    found = package.trace(H, seed=seed, **setting.get("options", {}))
    return {"trace": found.estimate, "error": found.stderr, "products": H.products, "certificate": "standard error"}


def density(loaded: Loaded, setting: dict, seed: int) -> dict:
    """Return nodes and weights of its stochastic Lanczos quadrature, averaged over its runs."""
    H = hessian(loaded, setting)
    found = package.spectral_density(H, seed=seed, **setting.get("options", {}))
    weights = (found.raw_weights / len(found.raw_weights)).reshape(-1).tolist()
    nodes = found.raw_eigenvalues.nan_to_num(0.0).reshape(-1).tolist()
    return {"nodes": nodes, "weights": weights, "products": H.products, "certificate": "none"}


if __name__ == "__main__":
    main(product, {"top1": eigenvalues, "top5": eigenvalues, "trace": trace, "density": density})
