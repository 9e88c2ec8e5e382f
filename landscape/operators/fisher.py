"""The Fisher information matrix: three different things that go by this name."""

from typing import Any, Literal, get_args

import torch
from torch import Tensor

from landscape.errors import UsageError, suggest
from landscape.operators.gauss_newton import JacobianSandwich
from landscape.operators.jacobian_products import OutputProduct
from landscape.operators.predictive import output_precision, predictive_precision, scores_of_draws, type_ii_product
from landscape.problem import Problem
from landscape.randomness import derive_seed

FisherKind = Literal["type_ii", "monte_carlo", "empirical"]


class Fisher(JacobianSandwich):
    r"""The Fisher information matrix of the model at theta.

    $$F = \frac1N \sum_n J_n^\top\, E_{y}\!\left[s_n(y) s_n(y)^\top\right] J_n, \qquad
    s_n(y) = \frac{\partial \ell(f_n, y)}{\partial f_n},$$

    with the expectation over y as ``kind`` says:

    - ``"type_ii"``: over the model's own distribution, exactly. For cross-entropy and squared losses this is the
      Gauss-Newton matrix.
    - ``"monte_carlo"``: over ``samples`` targets drawn from the model with ``seed``; unbiased for type II.
    - ``"empirical"``: no expectation, the targets of the data: the second moment of per-example gradients. It is
      *not* an estimate of the other two unless the model fits the distribution of the data.

    Args:
        problem: What L is: ``cross_entropy``, ``half_squared`` or ``mse``, with outputs ``(N, outputs)``.
        theta: The point, shape ``(n,)``; the model's own parameters by default.
        kind: Which of the three.
        samples: Draws an example for ``"monte_carlo"``.
        seed: Of the draws; the same targets in every product.
        memory: Bytes that held graphs may take; half of what is free when None.

    Cost:
        As `GaussNewton`.

    Raises:
        ProblemError: If the loss stands for no distribution that is known.
        UsageError: If there is no such kind, or no sample is asked for.

    References:
        Martens 2020, "New insights and perspectives on the natural gradient method", sections 8 and 9; Kunstner,
        Balles, Hennig 2019, "Limitations of the empirical Fisher approximation".
    """

    def __init__(
        self,
        problem: Problem,
        theta: Tensor | None = None,
        *,
        kind: FisherKind = "type_ii",
        samples: int = 1,
        seed: int = 0,
        memory: int | None = None,
    ) -> None:
        if kind not in get_args(FisherKind):
            known = get_args(FisherKind)
            raise UsageError(f"There is no Fisher matrix {kind!r}.{suggest(kind, known)} Known: {', '.join(known)}.")
        if samples < 1:
            raise UsageError(f"A Monte-Carlo Fisher matrix needs at least one sample an example; samples is {samples}.")
        self.kind, self.samples, self.seed = kind, samples, seed
        self._drawn: list[Tensor] = []
        super().__init__(problem, theta, self._expected_scores, memory)
        output_precision(problem.require_criterion(), 1)  # refuse a loss without a distribution at once

    def _expected_scores(self, outputs: Tensor, batch: Any, before: int) -> OutputProduct:
        """Return the product with the batch's mean of E[s s']."""
        count = len(outputs)
        precision = predictive_precision(self.problem, outputs)
        if self.kind == "type_ii":
            product = type_ii_product(outputs, precision)
            return lambda u: product(u) / count
        if self.kind == "empirical":
            scores = [self._own_scores(outputs, batch)]
        else:
            rows = slice(before, before + count)
            scores = [scores_of_draws(outputs, precision, each[rows]) for each in self._draws(outputs, precision)]

        def mean_of_outer(u: Tensor) -> Tensor:
            parts = [s * (s * u).flatten(1).sum(1).view(-1, *[1] * (u.ndim - 1)) for s in scores]
            return sum(parts[1:], parts[0]) / (len(parts) * count)

        return mean_of_outer

    def _own_scores(self, outputs: Tensor, batch: Any) -> Tensor:
        f = outputs.clone().requires_grad_()
        with torch.enable_grad():
            # the mean over the batch: each example's own score is the batch size times its part
            loss = self.problem.batch_criterion(f, batch)
        return torch.autograd.grad(loss, f)[0] * len(outputs)

    def _draws(self, outputs: Tensor, precision: float | None) -> list[Tensor]:
        """Return one tensor a sample with a row an example of the whole set, whatever the batches are.

        Drawn on the CPU, so that devices agree, and moved once; MPS has no double precision.
        """
        place = torch.device("cpu") if outputs.device.type == "mps" else outputs.device
        if not self._drawn:
            shape = (self.problem.num_examples, *([] if precision is None else outputs.shape[1:]))
            for index in range(self.samples):
                generator = torch.Generator().manual_seed(derive_seed(self.seed, "fisher draws", index))
                draw = torch.rand if precision is None else torch.randn
                self._drawn.append(draw(shape, generator=generator, dtype=torch.float64).to(place))
        return self._drawn
