"""What a loss may be given as, and what all of them become: (model, batch) to the mean over the batch."""

import inspect
from collections.abc import Callable
from typing import Any

from torch import Tensor, nn

from landscape.errors import ProblemError
from landscape.registry import losses


class LossOfModel(nn.Module):
    """A module whose forward is the loss of a batch, so that its parameters can be swapped in one call."""

    def __init__(self, model: nn.Module, loss: Callable[[nn.Module, Any], Tensor]) -> None:
        super().__init__()
        self.model = model
        self.loss = loss

    def forward(self, batch: Any) -> Tensor:
        """Return the mean loss of a batch."""
        return self.loss(self.model, batch)


def loss_contract(loss: str | Callable[..., Tensor]) -> Callable[[nn.Module, Any], Tensor]:
    """Return any loss as a function of (model, batch).

    Raises:
        ProblemError: From it, if a criterion meets a batch that is no pair.
    """
    criterion = criterion_of(loss)
    if criterion is None:
        return loss  # type: ignore[return-value]

    def of_pair(model: nn.Module, batch: Any) -> Tensor:
        if not isinstance(batch, tuple | list) or len(batch) != 2:
            raise ProblemError(
                f"A criterion needs batches (x, y); a batch here is {describe(batch)}. "
                f"Give a loss(model, batch) that takes it apart."
            )
        return criterion(model(batch[0]), batch[1])

    return of_pair


def criterion_of(loss: str | Callable[..., Tensor]) -> Callable[[Tensor, Tensor], Tensor] | None:
    """Return the loss as a function of (outputs, targets), or None for a loss of (model, batch)."""
    if isinstance(loss, str):
        return losses[loss].value  # type: ignore[no-any-return]
    if isinstance(loss, nn.Module):
        if getattr(loss, "reduction", "mean") != "mean" or getattr(loss, "weight", None) is not None:
            raise ProblemError(
                f"{type(loss).__name__} is no plain mean over examples (reduction={getattr(loss, 'reduction', '')!r}, "
                f"or class weights): batches of different size would count wrongly. Use reduction='mean', no weights."
            )
        return loss
    first = next(iter(inspect.signature(loss).parameters), "")
    return None if first in ("model", "module", "network", "net") else loss


def describe(value: Any) -> str:
    """Return what a value is, for messages."""
    if isinstance(value, Tensor):
        return f"a {value.dtype} tensor of shape {tuple(value.shape)}".replace("torch.", "")
    return f"a {type(value).__name__}"


def refuse_ignored(criterion: Any, batch: Any) -> None:
    """Refuse targets that a cross-entropy leaves out: its mean is then not one over examples.

    Raises:
        ProblemError: If a target is the criterion's ``ignore_index``.
    """
    ignored = getattr(criterion, "ignore_index", None)
    if ignored is None or not isinstance(batch, tuple | list) or len(batch) != 2 or not isinstance(batch[1], Tensor):
        return
    if not batch[1].is_floating_point() and bool((batch[1] == ignored).any()):
        raise ProblemError(
            f"Some targets are {ignored}, which {type(criterion).__name__} leaves out of its mean: batches with fewer "
            f"targets would count wrongly. Give a loss(model, batch) that divides by the number of examples."
        )
