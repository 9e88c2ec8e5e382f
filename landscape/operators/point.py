"""Where an operator is taken, as parameters to differentiate by."""

from collections.abc import Iterator
from contextlib import contextmanager

from torch import Tensor

from landscape.parts import Parts
from landscape.problem import Problem


class Point:
    r"""theta as the leaves of a graph; of a problem whose parameters are sharded only this process's part is kept.

    FSDP's own hooks have no second derivative (torch 2.13), so they are left out: parameters are gathered for a
    product, and let go after it. Over P processes, with n parameters, each keeps

    - between products: its shards of the model, $n/P$ numbers an operator for its point, and $n/P$ a vector in the
      basis of `lanczos` (and of every measure that reads eigenvalues from it), of which there are tens or hundreds;
    - during a product: about $6n$ more (theta, the vector, the gradient, the product and its sum) and the activations
      of one batch of its own examples; during the first about $18n$, for its kinds are checked in float64;
    - always: a whole copy of the parameters that are not measured.

    Not sharded are: the vectors that go into a product and come out of it (shape ``(n,)`` in every process), the
    eigenvectors that `lanczos` returns, and the vectors of all other solvers. No graph is held between products, so
    each costs as much as on a batch that is not held.

    Args:
        problem: Whose parameters.
        theta: Shape ``(n,)``; the model's own parameters by default.

    Attributes:
        sharded: Whether the leaves exist only within `gathered`.
    """

    def __init__(self, problem: Problem, theta: Tensor | None) -> None:
        self._problem = problem
        self._parts = Parts(problem.holders, problem.num_parameters)
        self.sharded = problem.holders.count > 1
        self._kept = self._parts.own((problem.theta if theta is None else theta).detach())
        self._leaves = [] if self.sharded else [each.clone().requires_grad_() for each in problem.unflatten(self._kept)]

    @property
    def theta(self) -> Tensor:
        """The point, shape ``(n,)``; gathered where it is sharded."""
        return self._parts.whole(self._kept)

    @property
    def leaves(self) -> list[Tensor]:
        """The parameters, which require grad; of a sharded point only within `gathered`."""
        return self._leaves

    @contextmanager
    def gathered(self) -> Iterator[None]:
        """While entered, the leaves are there; where they were not, they are let go on leaving."""
        if self._leaves:
            yield
            return
        self._leaves = [each.requires_grad_() for each in self._problem.unflatten(self.theta)]
        try:
            yield
        finally:
            self._leaves = []
