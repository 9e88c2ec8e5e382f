"""Whether an operator is symmetric, as far as its products tell."""

import math

import torch
from torch import Tensor

from landscape.errors import AsymmetryError
from landscape.operators.symmetric_operator import SymmetricOperator
from landscape.randomness import derive_seed
from landscape.solvers.eigenpairs import dot, random_unit_vector
from landscape.solvers.unit_scale import UnitScale


def asymmetry_allowed(dtype: torch.dtype) -> float:
    """Return the relative asymmetry that rounding can bring about: 3e-3 in float32, 1.5e-7 in float64.

    Far above what is seen (1e-6 in float32), for preconditioned operators and reduced-precision convolutions; far
    below what a wrong product shows (1 % and more).
    """
    return 10 * math.sqrt(torch.finfo(dtype).eps)


def refuse_asymmetry(asymmetry: float, dtype: torch.dtype, storage: torch.dtype | None = None) -> None:
    """Refuse an operator whose relative asymmetry is beyond rounding.

    Args:
        asymmetry: What is seen of it.
        dtype: Of the products.
        storage: Of the vectors that it is seen in, where they are rounded to less.

    Raises:
        AsymmetryError: If it is.
    """
    of_vectors = 0.0 if storage is None else 8 * torch.finfo(storage).eps
    if not asymmetry - of_vectors <= asymmetry_allowed(dtype):
        raise AsymmetryError(
            f"The operator is not symmetric: u'Hv and v'Hu differ by {asymmetry:.2g} of its size, where rounding "
            f"explains {asymmetry_allowed(dtype):.1g}. Its eigenvalues are not what a symmetric solver finds; look "
            f"for a product that is wrong or changes from call to call (dropout, a batch drawn anew). "
            f"Where the loss is nearly zero, single precision does not hold its curvature: measure in float64."
        )


def check_symmetric(operator: SymmetricOperator, *, seed: int = 0) -> float:
    r"""Return the relative asymmetry $|u^\top Hv - v^\top Hu| / |Hv|$ of an operator, small enough to be rounding.

    v is random, u is half random and half along Hv: against a random u alone both terms are about
    $|Hv|/\sqrt n$, and the asymmetry of a large operator would pass for rounding.

    Args:
        operator: Any operator.
        seed: Of the random vectors.

    Raises:
        ProblemError: If the asymmetry is beyond rounding; says by how much.

    Cost:
        Two products.
    """
    operator = UnitScale(operator)
    like = torch.empty(0, dtype=operator.dtype, device=operator.device)
    v, z = (random_unit_vector(operator.shape[0], derive_seed(seed, "symmetry", i), like) for i in range(2))
    Hv = operator @ v
    u = _unit(Hv) + z
    Hu = operator @ u
    scale = max(math.sqrt(dot(Hv, Hv)), math.sqrt(dot(Hu, Hu)))
    asymmetry = abs(dot(u, Hv) - dot(v, Hu)) / scale if scale else 0.0
    refuse_asymmetry(asymmetry, operator.dtype)
    return asymmetry


def _unit(v: Tensor) -> Tensor:
    size = math.sqrt(dot(v, v))
    return v / size if size else v
