"""Criteria that are no plain mean over examples: with state, weights, sums or targets that do not count."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from landscape.batch_structure import rows_in, tensors_in
from landscape.forward.kept_attributes import kept_attributes
from landscape.losses import cross_entropy

_DIVIDING = (nn.CrossEntropyLoss, nn.NLLLoss)
_DIVIDING_FUNCTIONS = (F.cross_entropy, F.nll_loss, cross_entropy)
_IGNORED = -100
"""What torch's functions leave out by default."""


@dataclass(frozen=True)
class FixedCriterion:
    """A criterion with its parameters, buffers and attributes held as they are, in the outputs' precision.

    Attributes:
        function: The user's own.
        summed: Divide by the number of examples, because it sums over them.
    """

    function: Callable[[Any, Any], Tensor]
    summed: bool = False

    @property
    def __name__(self) -> str:
        """The name of the user's own."""
        return str(getattr(self.function, "__name__", type(self.function).__name__))

    def __call__(self, outputs: Any, targets: Any) -> Tensor:
        """Return the mean over a batch."""
        value = self._value(outputs, targets)
        return value / (rows_in(outputs) or 1) if self.summed else value

    def _value(self, outputs: Any, targets: Any) -> Tensor:
        if not isinstance(self.function, nn.Module):
            return self.function(outputs, targets)
        like = next((each for each in tensors_in(outputs) if each.is_floating_point()), torch.zeros(()))
        state = {
            name: each.detach().to(like.device, like.dtype if each.is_floating_point() else each.dtype, copy=True)
            for name, each in [*self.function.named_parameters(), *self.function.named_buffers()]
        }
        with kept_attributes(self.function):
            value: Tensor = torch.func.functional_call(self.function, state, (outputs, targets))
        return value


def mean_loss(criterion: Callable[[Any, Any], Tensor], outputs: Any, targets: Any) -> Tensor:
    """Return the criterion of single-precision outputs computed in double precision; of others as it is.

    A network that is sure of its labels has probabilities that differ from 1 by less than float32 can tell: their
    curvature, computed from 1 - p, would be wrong by 5 to 50 %. In float64 it keeps the outputs' own digits. The cost
    is that of the outputs in double precision, nothing beside the network's unless outputs are as large as those of a
    language model. What a criterion cannot take in double precision is left to its own.

    Raises:
        OutOfMemoryError: If there is no room for them.
    """
    if not isinstance(outputs, Tensor) or outputs.dtype != torch.float32 or outputs.device.type == "mps":
        return criterion(outputs, targets)
    exact = targets.double() if isinstance(targets, Tensor) and targets.is_floating_point() else targets
    try:
        value = criterion(outputs.double(), exact)
    except torch.OutOfMemoryError:
        raise
    except Exception:
        # of any type: it is the user's code; what is wrong with it beside the precision is raised again below
        value = None
    return value if isinstance(value, Tensor) and value.numel() == 1 else criterion(outputs, targets)


def is_plain(criterion: Any) -> bool:
    """Return whether a criterion keeps nothing and gives the mean over a batch: then it is used as it is."""
    if not isinstance(criterion, nn.Module):
        return True
    own = type(criterion).__module__.startswith("torch.nn")
    return own and not criterion.state_dict() and getattr(criterion, "reduction", "mean") == "mean"


def divisor_of(criterion: Any) -> Callable[[Any], float] | None:
    """Return what torch's cross-entropies divide by, as a function of a batch ``(x, y)``; None for other criteria.

    They divide by the number of targets that are not ``ignore_index``, or by the sum of those targets' class weights.
    A batch that counts by this number gives the same mean as all examples at once.
    """
    if criterion in _DIVIDING_FUNCTIONS:
        return lambda batch: _divisor(batch, None, _IGNORED)
    if isinstance(criterion, _DIVIDING) and criterion.reduction == "mean":
        return lambda batch: _divisor(batch, criterion.weight, criterion.ignore_index)
    return None


def _divisor(batch: Any, weight: Tensor | None, ignored: int) -> float:
    y = batch[1] if isinstance(batch, tuple | list) and len(batch) == 2 else None
    if not isinstance(y, Tensor) or y.is_floating_point():
        return float(rows_in(batch) or 0)
    counted = y[y != ignored]
    return float(counted.numel() if weight is None else weight.detach().double()[counted.to(weight.device)].sum())


def opaque(criterion: Callable[[Any, Any], Tensor]) -> Callable[[Any, Any], Tensor]:
    """Return a criterion in a form in which nobody takes it for a plain mean over examples."""
    return criterion if isinstance(criterion, FixedCriterion) else FixedCriterion(criterion)
