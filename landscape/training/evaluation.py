"""Loss and accuracy of a live model over a whole set, in evaluation mode."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from landscape.errors import LandscapeError, ProblemError

CPU_INPUTS = 2**17
"""Input numbers a pass on a CPU, so that activations stay in the cache: convolutions of 32x32 images take a third
of the time of 2048 at once, and on 8x8 digits, where larger is faster, this is all of them."""

LossFunction = Callable[[Tensor, Tensor], Tensor]


@dataclass(frozen=True)
class Scores:
    """Mean loss and share of right decisions over a set; the accuracy is None without classes."""

    loss: float
    accuracy: float | None


def evaluate(
    model: nn.Module, loss: LossFunction, examples: tuple[Tensor, Tensor], *, max_batch: int, classes: bool
) -> Scores:
    """Return mean loss and accuracy over all examples, in evaluation mode, without augmentation.

    The mean is over examples, accumulated over batches in float64; the device is read once, at the end.

    Raises:
        ProblemError: If the model or the loss raises, or the loss is not one number.
    """
    count = len(examples[0])
    losses, sizes, right = [], [], []
    with evaluation_mode(model), torch.no_grad(), blamed_on_user("evaluating"):
        for inputs, targets in chunks(examples, _pass_size(examples[0], max_batch)):
            outputs = model(inputs)
            losses.append(loss(outputs, targets))
            sizes.append(len(inputs))
            if classes:
                right.append((outputs.argmax(1) == targets).sum())
    if losses[0].numel() != 1:
        shape = tuple(losses[0].shape)
        raise ProblemError(f"The loss must be one number, the mean over examples; it has shape {shape}.")
    weights = torch.tensor(sizes, dtype=torch.float64) / count
    mean = torch.stack(losses).reshape(-1).cpu().double() @ weights
    accuracy = int(torch.stack(right).sum()) / count if classes else None
    return Scores(float(mean), accuracy)


def chunks(examples: tuple[Tensor, Tensor], size: int) -> Iterator[tuple[Tensor, Tensor]]:
    """Go through examples in order, ``size`` at a time."""
    x, y = examples
    for start in range(0, len(x), size):
        yield x[start : start + size], y[start : start + size]


def _pass_size(x: Tensor, max_batch: int) -> int:
    fitting = max(1, CPU_INPUTS // max(1, x[0].numel()))
    return min(max_batch, fitting) if x.device.type == "cpu" else max_batch


@contextmanager
def evaluation_mode(model: nn.Module) -> Iterator[None]:
    """Put the model into evaluation mode, and every module back into the mode it had."""
    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        yield
    finally:
        for module, training in modes:
            module.training = training


@contextmanager
def blamed_on_user(doing: str) -> Iterator[None]:
    """Turn what the user's model, loss or optimizer raises into one message."""
    try:
        yield
    except LandscapeError:
        raise
    except torch.OutOfMemoryError as error:
        raise ProblemError(f"Out of memory while {doing}: {error}. Lower --max-batch (max_batch in Python).") from error
    except Exception as error:
        raise ProblemError(
            f"The model, its loss or the optimizer raised {type(error).__name__} while {doing}: {error}"
        ) from error
