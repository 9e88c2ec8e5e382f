"""What SciPy's eigenvalue solvers keep: whole vectors of float64 in the host's memory, whatever the operator's."""

import torch

from landscape.solvers.basis_storage import BasisStorage
from landscape.solvers.eigen_request import EigenRequest
from landscape.solvers.memory_plan import Rows

HOST_FLOAT64 = BasisStorage(torch.device("cpu"), torch.float64)
REMEMBERED = 20
"""Vectors remembered with their products, at least, for when the budget of products runs out."""
_ARPACK_VECTORS = 20
_ARPACK_WORK = 7
_LOBPCG_BLOCKS = 14

SCIPY_VECTORS = ("eigsh", "lobpcg")


def remembered(request: EigenRequest) -> int:
    """Return how many vectors are remembered with their products."""
    return max(REMEMBERED, 3 * request.count)


def rows_of_scipy(request: EigenRequest, method: str) -> Rows:
    """Return how many vectors ``eigsh`` or ``lobpcg`` takes at its height, by measurement; it cannot do with fewer."""
    wanted = max(request.k, request.bottom)
    if method == "eigsh":
        # SciPy copies ARPACK's basis when it takes the eigenvectors out
        own = 2 * min(request.n, max(2 * wanted + 1, _ARPACK_VECTORS)) + _ARPACK_WORK
    else:
        own = _LOBPCG_BLOCKS * wanted
    count = own + 2 * remembered(request) + 4 * request.count
    return Rows("--method lanczos", count, count, count, 0, whole=True)
