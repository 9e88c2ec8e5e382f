"""Losses that do not see the scale of the logits."""

from collections.abc import Callable

from torch import Tensor

from landscape.problem import Problem


def logit_normalized(problem: Problem) -> Callable[[Tensor, Tensor], Tensor]:
    r"""Return the loss of each example's outputs divided by their standard deviation over classes.

    $$\tilde f(x) = \frac{f(x)}{\sqrt{\frac1K \sum_k (f_k(x) - \bar f(x))^2}}$$

    Args:
        problem: Whose loss; it must be a criterion.

    References:
        Andriushchenko, Croce, Mueller, Hein, Flammarion 2023, "A modern look at the relationship between sharpness
        and generalization", section 3.
    """
    criterion = problem.require_criterion()

    def normalized(outputs: Tensor, targets: Tensor) -> Tensor:
        return criterion(outputs / outputs.std(dim=-1, correction=0, keepdim=True), targets)

    return normalized
