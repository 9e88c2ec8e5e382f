"""Eigenvectors of a subset of the examples, finished on the whole set."""

from dataclasses import replace

from torch import Tensor

from landscape.operators.hessian import Hessian
from landscape.problem import Problem
from landscape.solvers.eigenpairs import Eigenpairs
from landscape.solvers.lanczos import lanczos

_COARSE_RTOL = 1e-2


def two_level(
    problem: Problem,
    theta: Tensor | None = None,
    k: int = 1,
    *,
    subset: int,
    rtol: float = 1e-3,
    max_matvecs: int = 200,
    seed: int = 0,
) -> Eigenpairs:
    r"""Return the k largest eigenvalues of the Hessian of all examples, starting from the vectors of a subset.

    `lanczos` on ``subset`` examples, then `lanczos` on all of them from the sum of those vectors, until the residuals
    *on all examples* are within the tolerance: the values are those of the whole set, whatever the subset was.

    Args:
        problem: All examples.
        theta: The point, shape ``(n,)``; the model's own parameters by default.
        k: How many eigenvalues.
        subset: Examples of the first level.
        rtol: Of the second level; the first one is solved to a residual of 1 %.
        max_matvecs: Most products at each level.
        seed: Of the subset and of random vectors.

    Raises:
        UsageError: If there are fewer examples than ``subset``, or a number is out of its range.

    Cost:
        ``cost`` counts whole-set products, plus products on the subset by their share of the examples;
        ``matvecs`` counts both alike. It pays a little, and only for one value: Fashion-MNIST, k = 1, 9.1 instead of
        11 with 600 of 60,000 examples (an MLP), 7.1 instead of 7 with 100 of 10,000 and 5.6 with 1,000 of them (a
        CNN). On the 1,300 digits with 130 or 325: 5.5 to 9.2 instead of 6 to 10 for one value; for five the whole
        set still took 14 to 22 products instead of 15 to 23, of which the products on the subset eat up the gain. One
        network each on Fashion-MNIST: the order of magnitude, not the decimals.

    Pitfalls:
        The eigenvectors of a subset that is too small have little to do with those of the whole set, and a product
        on a subset costs more than its share of the examples where the network is small.
    """
    part = problem.subset(subset, seed)
    coarse = lanczos(Hessian(part, theta), k, rtol=_COARSE_RTOL, max_matvecs=max_matvecs, verify=False, seed=seed)
    # one vector, not k: a Krylov space of their sum takes 15 to 20 products for k = 5, one built on all five 22 to 33
    start = coarse.vectors.sum(dim=1)
    fine = lanczos(Hessian(problem, theta), k, rtol=rtol, max_matvecs=max_matvecs, start=start, seed=seed)
    return replace(
        fine,
        matvecs=coarse.matvecs + fine.matvecs,
        cost=fine.matvecs + coarse.matvecs * subset / problem.num_examples,
        reason=f"{fine.reason} ({fine.matvecs} products on all examples, {coarse.matvecs} on {subset})",
    )
