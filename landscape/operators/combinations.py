"""Operators made of operators: sum, shift, scaling, and restriction to some of the parameters."""

import fnmatch
from collections.abc import Sequence

import torch
from torch import Tensor

from landscape.errors import UsageError, suggest
from landscape.operators.symmetric_operator import SymmetricOperator
from landscape.problem import Problem

_WHOLE_VECTORS = 4
_AT_ONCE = 2**22


class Sum(SymmetricOperator):
    r"""$\sum_i c_i A_i$.

    Args:
        terms: The A_i, of one shape.
        coefficients: The c_i; ones by default. ``Sum([H, G], [1, -1])`` is H - G.

    Raises:
        ValueError: If shapes differ, or there is not one coefficient a term.

    Cost:
        One product with each term.
    """

    def __init__(self, terms: Sequence[SymmetricOperator], coefficients: Sequence[float] | None = None) -> None:
        self.terms = tuple(terms)
        self.coefficients = tuple(coefficients) if coefficients is not None else (1.0,) * len(self.terms)
        if len({each.shape for each in self.terms}) != 1 or len(self.coefficients) != len(self.terms):
            shapes = [each.shape for each in self.terms]
            raise ValueError(f"A sum needs terms of one shape and a coefficient each: {shapes}, {self.coefficients}.")
        self.shape, self.dtype, self.device = self.terms[0].shape, self.terms[0].dtype, self.terms[0].device
        self.holders = self.terms[0].holders
        self.tf32 = any(each.tf32 for each in self.terms)

    def matvec(self, v: Tensor) -> Tensor:
        """Return the product with one vector, shape ``(n,)``."""
        return self._combined([each @ v for each in self.terms])

    def matmat(self, V: Tensor) -> Tensor:
        """Return the product with each column, shape ``(n, k)``."""
        return self._combined([each @ V for each in self.terms])

    def refuse_not_finite(self, v: Tensor) -> None:
        """As the terms do."""
        for each in self.terms:
            each.refuse_not_finite(v.to(each.device, each.dtype))

    def _combined(self, products: list[Tensor]) -> Tensor:
        parts = [c * each.to(self.device, self.dtype) for c, each in zip(self.coefficients, products, strict=True)]
        return sum(parts[1:], parts[0])


class Shifted(SymmetricOperator):
    r"""$A + cI$: the same eigenvectors, every eigenvalue moved by c.

    Args:
        operator: A.
        shift: c.

    Cost:
        One product with A.
    """

    def __init__(self, operator: SymmetricOperator, shift: float) -> None:
        self.operator, self.shift = operator, shift
        self.shape, self.dtype, self.device = operator.shape, operator.dtype, operator.device
        self.holders, self.tf32 = operator.holders, operator.tf32

    def matvec(self, v: Tensor) -> Tensor:
        """Return the product with one vector, shape ``(n,)``."""
        return (self.operator @ v).add(v, alpha=self.shift)

    def matmat(self, V: Tensor) -> Tensor:
        """Return the product with each column, shape ``(n, k)``."""
        return (self.operator @ V).add(V, alpha=self.shift)

    def refuse_not_finite(self, v: Tensor) -> None:
        """As the operator itself does."""
        self.operator.refuse_not_finite(v)


class Scaled(SymmetricOperator):
    r"""$DAD$ for a diagonal D, such as $|w|\, H\, |w|$.

    With D = |theta| it is the Hessian by the logarithms of the weights' sizes (at a minimum), and its spectrum does
    not change when the weights into a neuron are multiplied and those out of it divided by a number.

    Args:
        operator: A.
        diagonal: The diagonal of D, shape ``(n,)``, finite; its signs matter to eigenvectors only.

    Cost:
        One product with A.

    Raises:
        ValueError: If an element is not finite, or their number is not n.
    """

    def __init__(self, operator: SymmetricOperator, diagonal: Tensor) -> None:
        if diagonal.shape != operator.shape[:1] or not bool(torch.isfinite(diagonal).all()):
            raise ValueError(f"A scaling needs {operator.shape[0]} finite numbers; its shape is {diagonal.shape}.")
        self.operator = operator
        self.shape, self.dtype, self.device = operator.shape, operator.dtype, operator.device
        self.holders, self.tf32 = operator.holders, operator.tf32
        self._diagonal = diagonal.to(self.device, self.dtype)

    def matvec(self, v: Tensor) -> Tensor:
        """Return the product with one vector, shape ``(n,)``."""
        return self._diagonal * (self.operator @ (self._diagonal * v))

    def matmat(self, V: Tensor) -> Tensor:
        """Return the product with each column, shape ``(n, k)``."""
        return self._diagonal[:, None] * (self.operator @ (self._diagonal[:, None] * V))

    def refuse_not_finite(self, v: Tensor) -> None:
        """As the operator itself does."""
        self.operator.refuse_not_finite(self._diagonal * v)


class Restricted(SymmetricOperator):
    """The block of an operator that belongs to some of the coordinates.

    Args:
        operator: The whole.
        coordinates: Which, as indices of shape ``(m,)``, each once; vectors then have shape ``(m,)``.

    Cost:
        One product with the whole operator. A block of columns is multiplied by few at a time whose vectors of length
        n take 4 MiB, one at least: a column takes four of them, however short it is itself.

    Raises:
        ValueError: If there are no coordinates, or one is out of range or twice.
    """

    def __init__(self, operator: SymmetricOperator, coordinates: Tensor) -> None:
        n, m = operator.shape[0], coordinates.numel()
        if m == 0 or int(coordinates.min()) < 0 or int(coordinates.max()) >= n or len(torch.unique(coordinates)) != m:
            raise ValueError(f"Coordinates must be different indices from 0 to {n - 1}, at least one.")
        self.operator = operator
        self.coordinates = coordinates.to(operator.device)
        self.shape, self.dtype, self.device = (m, m), operator.dtype, operator.device
        self.holders, self.tf32 = operator.holders, operator.tf32

    def matvec(self, v: Tensor) -> Tensor:
        """Return the product with one vector, shape ``(m,)``."""
        return (self.operator @ self._embedded(v))[self.coordinates]

    def matmat(self, V: Tensor) -> Tensor:
        """Return the product with each column, shape ``(m, k)``; of few at a time where the whole is long."""
        whole = self.operator.shape[0] * self.dtype.itemsize
        width = max(1, _AT_ONCE // (_WHOLE_VECTORS * whole))
        some = [(self.operator @ self._embedded(few))[self.coordinates] for few in torch.split(V, width, dim=1)]
        return torch.cat(some, dim=1)

    def refuse_not_finite(self, v: Tensor) -> None:
        """As the operator itself does."""
        self.operator.refuse_not_finite(self._embedded(v))

    def _embedded(self, v: Tensor) -> Tensor:
        return v.new_zeros(self.operator.shape[0], *v.shape[1:]).index_copy_(0, self.coordinates, v)


def restrict(operator: SymmetricOperator, problem: Problem, *patterns: str) -> Restricted:
    """Return the block of the parameters whose names match: ``restrict(H, problem, "layer4.*", "fc.weight")``.

    Args:
        operator: An operator on all parameters of the problem.
        problem: Whose ``parameter_names`` are matched.
        *patterns: Names with shell wildcards; a pattern also matches everything below a module of that name.

    Raises:
        UsageError: If a pattern matches nothing.
    """
    chosen: set[str] = set()
    for pattern in patterns:
        found = {
            name
            for name in problem.parameter_names
            if fnmatch.fnmatchcase(name, pattern) or fnmatch.fnmatchcase(name, f"{pattern}.*")
        }
        if not found:
            hint = suggest(pattern, problem.parameter_names)
            raise UsageError(f"No parameter matches {pattern!r}.{hint} Names: {_some(problem.parameter_names)}.")
        chosen |= found
    starts = torch.tensor([0, *problem.sizes]).cumsum(0)
    pieces = [
        torch.arange(int(start), int(start) + size)
        for name, start, size in zip(problem.parameter_names, starts, problem.sizes, strict=False)
        if name in chosen
    ]
    return Restricted(operator, torch.cat(pieces))


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:8]) + (f" and {len(names) - 8} more" if len(names) > 8 else "")
