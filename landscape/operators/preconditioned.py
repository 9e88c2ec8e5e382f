"""An operator seen in the metric of a diagonal preconditioner."""

import torch
from torch import Tensor

from landscape.operators.symmetric_operator import SymmetricOperator


class Preconditioned(SymmetricOperator):
    r"""$P^{-1/2} H P^{-1/2}$ for a positive diagonal P.

    Its eigenvalues are those of $P^{-1}H$: the curvature that an optimizer stepping by $P^{-1}\nabla L$ meets.

    Args:
        operator: H.
        diagonal: The diagonal of P, shape ``(n,)``, positive.

    Cost:
        One product with H.

    Raises:
        ValueError: If an element of the diagonal is not positive and finite.

    References:
        Cohen et al. 2022, "Adaptive gradient methods at the edge of stability", section 3.
    """

    def __init__(self, operator: SymmetricOperator, diagonal: Tensor) -> None:
        if not bool((torch.isfinite(diagonal) & (diagonal > 0)).all()):
            raise ValueError("Every element of a preconditioner's diagonal must be positive and finite.")
        self.operator = operator
        self.shape, self.dtype, self.device = operator.shape, operator.dtype, operator.device
        self.holders, self.tf32 = operator.holders, operator.tf32
        self._scale = diagonal.double().rsqrt().to(self.device, self.dtype)

    def matvec(self, v: Tensor) -> Tensor:
        """Return the product with one vector, shape ``(n,)``."""
        return self._scale * (self.operator @ (self._scale * v))

    def refuse_not_finite(self, v: Tensor) -> None:
        """As the operator itself does."""
        self.operator.refuse_not_finite(self._scale * v)


def adam_preconditioner(second_moment: Tensor, step: int, *, beta2: float, eps: float) -> Tensor:
    r"""Return the diagonal of Adam's preconditioner, $\sqrt{v/(1-\beta_2^t)} + \epsilon$, shape ``(n,)``.

    Args:
        second_moment: v after absorbing the gradient of the coming step, shape ``(n,)``.
        step: t, the number of gradients that v has absorbed.
        beta2: Decay of v; 1 - beta2**t is left out (RMSProp) when ``step`` is 0.
        eps: Added outside the root, as torch does.
    """
    correction = 1 - beta2**step if step else 1.0
    return (second_moment.double() / correction).sqrt() + eps
