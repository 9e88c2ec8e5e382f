"""curvlinops, with SciPy's ``eigsh``, in the benchmark.

Products are counted by wrapping its operator's ``_matmat``, a block as its number of columns; those of its checks at
construction are counted, and timed, too.
"""

from collections.abc import Callable

import curvlinops as package
import numpy as np
import torch
from contender import batches_of, main
from curvlinops.papyan2020traces.spectrum import LanczosApproximateSpectrumCached
from problems import Loaded
from scipy.sparse.linalg import eigsh
from torch import Tensor


class Counted(package.HessianLinearOperator):
    """Its operator, counting its products."""

    products = 0

    def _matmat(self, M: list[Tensor]) -> list[Tensor]:
        self.products += M[0].shape[-1]
        return super()._matmat(M)


def hessian(loaded: Loaded, setting: dict) -> Counted:
    """Return its operator, with its checks at construction unless the setting leaves them out."""
    parameters, checked = list(loaded.model.parameters()), setting.get("checked", True)
    loss, batches = torch.nn.CrossEntropyLoss(), batches_of(loaded, setting)
    return Counted(loaded.model, loss, parameters, batches, check_deterministic=checked)


def product(loaded: Loaded, setting: dict) -> Callable[[Tensor], object]:
    """Return v -> Hv."""
    return hessian(loaded, setting).__matmul__


def eigenvalues(loaded: Loaded, setting: dict, seed: int) -> dict:
    """Return the k largest eigenvalues by ARPACK, from the same start as hessian-eigenthings."""
    H = hessian(loaded, setting)
    start = torch.randn(H.shape[0], generator=torch.Generator().manual_seed(seed)).numpy()
    options = {"which": "LA"} | setting.get("options", {})
    operator = H.to_scipy() if setting.get("wide") else H.to_scipy(np.float32)
    values = eigsh(operator, k=setting["k"], v0=start, return_eigenvectors=False, **options)
    return {
        "values": sorted((float(each) for each in values), reverse=True),
        "products": H.products,
        "certificate": "tolerance inside ARPACK; residuals not returned",
    }


def trace(loaded: Loaded, setting: dict, seed: int) -> dict:
    """Return the mean of its estimates in calls of ``columns`` products, all products at once being its only way."""
    torch.manual_seed(seed)
    H = hessian(loaded, setting)
    estimator = getattr(package, setting["method"])
    columns = setting.get("columns", setting["matvecs"])
    estimates = [float(estimator(H, columns)) for _ in range(0, setting["matvecs"], columns)]
    return {"trace": float(np.mean(estimates)), "error": None, "products": H.products, "certificate": "none"}


def density(loaded: Loaded, setting: dict, seed: int) -> dict:
    """Return nodes and weights of its Lanczos run; the smoothed density is computed as well."""
    torch.manual_seed(seed)
    H = hessian(loaded, setting)
    cached = LanczosApproximateSpectrumCached(H, setting["steps"])
    cached.approximate_spectrum()
    nodes, vectors = cached._lanczos_iters[0]
    weights = vectors[0].square().tolist()
    return {"nodes": nodes.tolist(), "weights": weights, "products": H.products, "certificate": "none"}


if __name__ == "__main__":
    main(product, {"top1": eigenvalues, "top5": eigenvalues, "trace": trace, "density": density})
