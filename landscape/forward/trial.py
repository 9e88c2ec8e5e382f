"""The first evaluation of a user's model and loss: what is wrong with them is found before anything is measured."""

import contextlib
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode

from landscape.batch_structure import describe
from landscape.errors import LandscapeError, ProblemError
from landscape.forward.additivity import note_on_batches
from landscape.forward.without_autocast import WithoutAutocast
from landscape.forward.without_checkpointing import without_checkpointing
from landscape.random_state import RandomState, kept_random_state, seed_everything

_ATTENTION = (F.scaled_dot_product_attention, F.multi_head_attention_forward)
_HOOKED = "hooks on saved tensors in the forward pass (a checkpointing of its own) cannot be followed; turn them off"

_HINT = " A loss that calls the model itself is one whose first argument is named model: loss(model, batch)."


@dataclass(frozen=True)
class Trial:
    """What a first evaluation showed.

    Attributes:
        autocast: Whether the forward pass turns on autocast itself.
        checkpointing: Whether it checkpoints activations.
        draws: Whether it draws random numbers, to no effect on the loss.
        attention: Whether it calls attention.
        on_batches: What is to be said of the loss of a batch and those of its parts.
    """

    autocast: bool
    checkpointing: bool
    draws: bool
    attention: bool
    on_batches: tuple[str, ...]

    @property
    def notes(self) -> list[str]:
        """What is to be said of it."""
        said = {
            "attention runs through the math kernel: fused ones have no second derivative": self.attention,
            "autocast in the forward pass is left out": self.autocast,
            "activation checkpointing in the forward pass is left out": self.checkpointing,
        }
        return [*(note for note, holds in said.items() if holds), *self.on_batches]


class _Seen(TorchFunctionMode):
    """While entered, remembers whether attention was called."""

    attention = False

    def __torch_function__(
        self, func: Callable[..., Any], types: Sequence[type], args: Any = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        """Compute one call."""
        self.attention = self.attention or func in _ATTENTION
        return func(*args, **(kwargs or {}))


def try_out(
    loss_of: Callable[[Any], Tensor],
    leaves: Sequence[Tensor],
    batch: Any,
    weight_of: Callable[[Any], float] | None = None,
) -> Trial:
    """Return what the loss of one batch shows when it is evaluated for the first time.

    Args:
        loss_of: A batch to its loss, which depends on the leaves.
        leaves: The parameters, which require grad.
        batch: Some examples.
        weight_of: What a batch counts by in the mean over all; None where that is not to be checked.

    Cost:
        A gradient and five forward passes.

    Raises:
        ProblemError: If the model or the loss raises, the loss is no number, does not depend on the parameters, or is
            random.
    """
    seen, autocast = _Seen(), WithoutAutocast(leaves[0].device.type)
    with _blamed(batch), seen, autocast, without_checkpointing() as checkpoints, kept_random_state():
        before, point = RandomState.now(), [each.detach().clone() for each in leaves]
        with torch.autograd.graph.disable_saved_tensors_hooks(_HOOKED):
            loss = loss_of(batch)
        draws = not before.is_now()
        check_loss(loss)
        if not all(map(_same, point, leaves)):
            raise ProblemError(
                "The forward pass writes into the parameters that are measured: its loss is no function of them. Take "
                "that out of the forward pass (clamping, projection and moving averages belong to the training step)."
            )
        unused = sum(each is None for each in _gradient(loss, leaves))
        if unused == len(leaves):
            raise ProblemError(
                "The loss does not depend on the parameters: its gradient is nothing. Does the model use them, and "
                "does the loss use the model's outputs without detach(), no_grad and inference_mode?"
            )
        # the fewer digits of the two count: a loss may be computed in more than the network, or in less
        coarse = max((loss.dtype, leaves[0].dtype), key=lambda each: torch.finfo(each).eps)
        _refuse_random(loss_of, batch, coarse)
        said = [] if weight_of is None else note_on_batches(loss_of, weight_of, batch, coarse)
        if unused:
            said = [*said, f"{unused} of {len(leaves)} parameters do not enter the loss of the first examples"]
    return Trial(autocast.seen, bool(checkpoints), draws, seen.attention, tuple(said))


def _same(a: Tensor, b: Tensor) -> bool:
    """Return whether two tensors are equal, where NaN equals NaN."""
    return torch.allclose(a, b, rtol=0.0, atol=0.0, equal_nan=True)


def check_loss(loss: Any) -> None:
    """Refuse a loss that is not one floating-point number.

    Raises:
        ProblemError: If it is not.
    """
    if isinstance(loss, Tensor) and loss.numel() == 1 and loss.is_floating_point():
        return
    hint = "Take its mean over the examples." if isinstance(loss, Tensor) and loss.numel() > 1 else "Return a scalar."
    raise ProblemError(f"The loss must be one number for a batch; it gave {describe(loss)}. {hint}")


def _gradient(loss: Tensor, leaves: Sequence[Tensor]) -> Sequence[Tensor | None]:
    if not loss.requires_grad:
        return [None] * len(leaves)
    return torch.autograd.grad(loss, leaves, allow_unused=True)


def _refuse_random(loss_of: Callable[[Any], Tensor], batch: Any, dtype: torch.dtype) -> None:
    values = []
    for seed in (1, 2):
        seed_everything(seed)
        values.append(float(loss_of(batch).detach()))
    tolerance = max(100 * torch.finfo(dtype).eps, 1e-10)
    a, b = values
    if math.isfinite(a) and abs(a - b) > tolerance * max(abs(a), abs(b)):
        raise ProblemError(
            f"The loss of the same examples is {a:.7g} and then {b:.7g}: the model is random in evaluation mode. Turn "
            f"off what draws numbers: F.dropout(x, p, training=self.training) instead of F.dropout(x, p), noise, "
            f"stochastic depth."
        )


@contextlib.contextmanager
def _blamed(batch: Any) -> Iterator[None]:
    """Turn what a user's code raises into one sentence."""
    try:
        yield
    except LandscapeError:
        raise
    except Exception as error:
        said = " ".join(str(error).split())[:300]
        hint = _HINT if isinstance(error, TypeError | AttributeError | KeyError) else ""
        raise ProblemError(
            f"The model or the loss raised {type(error).__name__}: {said.rstrip('.')}. The batch was "
            f"{describe(batch)}.{hint}"
        ) from error
