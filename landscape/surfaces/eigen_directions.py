"""Eigenvectors of the Hessian as directions."""

from collections.abc import Callable

from torch import Tensor

from landscape.operators import Hessian
from landscape.problem import Problem
from landscape.solvers import lanczos
from landscape.surfaces.direction import Direction

Scale = Callable[[Tensor], Tensor]


def eigen_directions(
    problem: Problem,
    theta: Tensor,
    *,
    top: int = 2,
    bottom: int = 0,
    length: float = 1.0,
    rtol: float = 1e-3,
    seed: int = 0,
) -> list[Direction]:
    r"""Return eigenvectors of the largest, then of the smallest eigenvalues, each of the same length.

    A vector's sign is that which makes its largest element positive, so that runs agree.

    Args:
        problem: What the loss is.
        theta: The point, shape ``(n,)``.
        top: How many of the largest eigenvalues.
        bottom: How many of the smallest.
        length: Of every direction; with 1, second derivatives of the slice are the eigenvalues.
        rtol: Of `lanczos`: residual over eigenvalue.
        seed: Of its start.

    Cost:
        The products of `lanczos`; what did not converge is said in ``how``.
    """
    pairs = lanczos(Hessian(problem, theta), top, bottom=bottom, rtol=rtol, seed=seed)
    names = [f"top eigenvector {index + 1}" for index in range(top)]
    names += [f"bottom eigenvector {index}" for index in range(bottom, 0, -1)]
    found = []
    for index, name in enumerate(names):
        v = pairs.vectors[:, index].to(problem.dtype)
        v = v * (length / v.norm()) * v[v.abs().argmax()].sign()
        value, residual = float(pairs.values[index]), float(pairs.residuals[index])
        done = "" if pairs.converged else f", not converged ({pairs.reason})"
        how = f"eigenvector of {value:.5g} (residual {residual:.1e}{done}), of length {length:.3g}"
        found.append(Direction(name, v, how, value))
    return found
