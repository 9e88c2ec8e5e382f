"""What a loss may be given as, and what all of them become: (model, batch) to the mean over the batch."""

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn

from landscape.batch_structure import content, describe
from landscape.criterion import FixedCriterion, divisor_of, is_plain, mean_loss
from landscape.errors import ProblemError, UsageError
from landscape.registry import losses

MODEL_NAMES = ("model", "module", "network", "net")


@dataclass(frozen=True)
class Loss:
    """A loss as a problem uses it.

    Attributes:
        of_batch: (model, batch) to the mean over the batch.
        criterion: (outputs, targets) to the mean; None where the loss was given as a function of (model, batch).
        divisor: What the mean of a batch is over, where that is not its examples: targets that count, or the sum of
            their classes' weights.
        notes: What is to be said of it.
    """

    of_batch: Callable[[nn.Module, Any], Tensor]
    criterion: Callable[[Any, Any], Tensor] | None
    divisor: Callable[[Any], float] | None
    notes: tuple[str, ...] = ()


class LossOfModel(nn.Module):
    """A module whose forward is the loss of a batch, so that its parameters can be exchanged in one call."""

    def __init__(self, model: nn.Module, loss: Callable[[nn.Module, Any], Tensor]) -> None:
        super().__init__()
        self.model = model
        self.loss = loss

    def forward(self, batch: Any) -> Tensor:
        """Return the mean loss of a batch."""
        return self.loss(self.model, content(batch))


def loss_contract(loss: str | Callable[..., Tensor]) -> Loss:
    """Return any loss in the form that a problem uses.

    Raises:
        UsageError: If it cannot be called, or is a class.
        ProblemError: If it is a criterion that gives no mean.
    """
    given: Any = losses[loss].value if isinstance(loss, str) else loss
    if inspect.isclass(given) or not callable(given):
        what = f"the class {given.__name__}" if inspect.isclass(given) else f"a {type(given).__name__}"
        raise UsageError(f"The loss must be a function or a criterion; it is {what}. Give {_instance(given)}.")
    if _takes_model(given):
        return Loss(given, None, None)
    notes, criterion = [], given
    reduction = getattr(given, "reduction", "mean")
    if reduction == "none":
        raise ProblemError(f"{type(given).__name__} gives no mean (reduction='none'). Use reduction='mean' or 'sum'.")
    if reduction == "sum":
        notes.append(f"{type(given).__name__} sums; it is divided by the number of examples")
    if isinstance(given, nn.Module) and any(each.requires_grad for each in given.parameters()):
        notes.append("the loss has parameters of its own, which are held fixed and are no part of theta")
    if isinstance(getattr(given, "weight", None), Tensor) and divisor_of(given) is not None:
        notes.append("weights of classes: the mean is over the sum of the targets' weights, of all batches together")
    if not is_plain(given):
        criterion = FixedCriterion(given, summed=reduction == "sum")
    return Loss(_of_pair(criterion), criterion, divisor_of(given), tuple(notes))


def _takes_model(loss: Any) -> bool:
    """Return whether a loss is a function of (model, batch): its first argument's name says so."""
    try:
        signature = inspect.signature(loss.forward if isinstance(loss, nn.Module) else loss)
    except ValueError:  # something built in, without a signature
        return False
    return next(iter(signature.parameters), "") in MODEL_NAMES


def _of_pair(criterion: Callable[[Any, Any], Tensor]) -> Callable[[nn.Module, Any], Tensor]:
    def of_pair(model: nn.Module, batch: Any) -> Tensor:
        if not isinstance(batch, tuple | list) or len(batch) != 2:
            tensor = " All examples at once are a tuple of tensors (x, y)." if isinstance(batch, Tensor) else ""
            raise ProblemError(
                f"A criterion (outputs, targets) needs batches (x, y); a batch here is {describe(batch)}. Give a "
                f"function whose first argument is named model: loss(model, batch).{tensor}"
            )
        return mean_loss(criterion, model(batch[0]), batch[1])

    return of_pair


def _instance(given: Any) -> str:
    return f"{given.__name__}()" if inspect.isclass(given) else "a name, or a function (outputs, targets) -> mean"
