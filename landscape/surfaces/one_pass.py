"""What a forward pass of one batch gives: outputs, loss, decisions; plainly or through ``torch.compile``."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import torch
from torch import Tensor, nn

from landscape.compiled import blamed_on_compiler, compiled
from landscape.errors import ProblemError
from landscape.forward.decisions import right_on_device

Pass = Callable[[Any, Any], tuple[Any, Tensor, Tensor | None]]
"""From inputs and targets to the outputs, the mean loss in float64 and the share of right decisions."""
_AGREE = {torch.float64: 1e-10, torch.float32: 1e-6}
"""Relative difference of the losses of a batch that is rounding; 2e-2 in half precision."""


def plain_pass(model: nn.Module, criterion: Callable[[Tensor, Tensor], Tensor]) -> Pass:
    """Return the pass that calls both."""

    def one_pass(x: Any, y: Any) -> tuple[Any, Tensor, Tensor | None]:
        outputs = model(x)
        return outputs, criterion(outputs, y).double(), right_on_device(outputs, y)

    return one_pass


def compiled_pass(plain: Pass, x: Any, y: Any, entered: Callable[[], AbstractContextManager[None]]) -> Pass:
    """Return a pass through ``torch.compile``, on a GPU as captured graphs, tried on one batch.

    What a call returns is overwritten by the next one.

    Args:
        plain: As it is without.
        x: Inputs of a batch.
        y: Targets of it.
        entered: Sets the model up for forward passes.

    Raises:
        ProblemError: If the network cannot be compiled, or gives another loss then.
    """
    through_compiler = compiled(plain, graphs=True)

    def fast(x: Any, y: Any) -> tuple[Any, Tensor, Tensor | None]:
        # a user's own compiled network runs as it was written, as everywhere else: only here the compiler is wanted
        with torch.compiler.set_stance("default"):
            return through_compiler(x, y)

    with entered(), blamed_on_compiler():
        _, expected, _ = plain(x, y)
        # captured graphs come with the third call; the first one compiles
        found = [float(fast(x, y)[1]) for _ in range(3)][-1]
    loss = float(expected)
    allowed = _AGREE.get(x.dtype, 2e-2) if isinstance(x, Tensor) else _AGREE[torch.float32]
    if not abs(found - loss) <= allowed * max(abs(loss), 1e-6) and not (found != found and loss != loss):
        raise ProblemError(
            f"Compiled, the network has a loss of {found:.9g} on a batch, and {loss:.9g} as it is. Leave --compile out."
        )
    return fast
