"""The error of a mean of sums, from the spread of what they are sums of."""

import math

import torch
from torch import Tensor

from landscape.solvers.estimate import student_factor

_SLICE = 2**16


class ElementSpread:
    r"""The variance of $z^\top Hz$ for random signs z, from the spread of the $z_i (Hz)_i$ that it is the sum of.

    $$\operatorname{Var} z^\top Hz = 2\sum_{i\neq j} H_{ij}^2 = 2\sum_i \operatorname{Var} z_i (Hz)_i .$$

    Thousands of elements tell their variances better than a few sums tell theirs, which happen to agree now and then:
    stopping on such an accident is what makes errors too small. With weights, $z^\top WHz$, the right-hand side is no
    less than the variance.
    """

    def __init__(self) -> None:
        self.count = 0
        self._mean: Tensor | None = None
        self._squares = torch.zeros((), dtype=torch.float64)
        self._unit = 1.0

    def add(self, elements: Tensor) -> None:
        """Add the elements of one sample or several, shape ``(n,)`` or ``(b, n)``."""
        for each in elements if elements.ndim > 1 else [elements]:
            self._add(each)

    def _add(self, elements: Tensor) -> None:
        if self._mean is None:
            # the squares of very small or large elements are zero or infinite
            self._unit = float(elements.abs().max()) or 1.0
            self._mean = torch.zeros_like(elements)
            self._squares = self._squares.to(elements.device)
        self.count += 1
        # Welford 1962: no difference of large sums
        for mean, fresh in zip(torch.split(self._mean, _SLICE), torch.split(elements, _SLICE), strict=True):
            x = fresh.double() / self._unit
            step = x - mean.double()
            mean += step / self.count
            self._squares = self._squares + torch.dot(step, x - mean.double())

    @property
    def error(self) -> float:
        """The standard error of the mean of the sums, with Student's factor; infinite for one."""
        if self.count < 2:
            return math.inf
        variance = 2 * max(float(self._squares), 0.0) / (self.count - 1)
        return student_factor(self.count - 1) * self._unit * math.sqrt(variance / self.count)
