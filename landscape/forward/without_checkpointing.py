"""Activation checkpointing that a forward pass does itself, left out: it runs a part again, by other parameters."""

import contextlib
from collections.abc import Callable, Iterator
from typing import Any
from unittest import mock

from torch.utils import checkpoint


@contextlib.contextmanager
def without_checkpointing() -> Iterator[list[str]]:
    """While entered, ``torch.utils.checkpoint`` calls its function and no more.

    A part that is run again during the backward pass would take the module's own parameters, not those that are
    differentiated; with ``use_reentrant=True`` there is no second derivative either.

    Yields:
        A list that fills when it is called.
    """
    seen: list[str] = []
    with contextlib.ExitStack() as stack:
        for name, plain in (("CheckpointFunction", _Plain(seen)), ("_checkpoint_without_reentrant_generator", None)):
            if hasattr(checkpoint, name):
                stack.enter_context(mock.patch.object(checkpoint, name, plain or _generator(seen)))
        yield seen


class _Plain:
    """Stands for the reentrant function: calls what it is given."""

    def __init__(self, seen: list[str]) -> None:
        self.seen = seen

    def apply(self, function: Callable[..., Any], preserve: bool, *args: Any) -> Any:
        """Return the function of its arguments."""
        self.seen.append("reentrant")
        return function(*args)


def _generator(seen: list[str]) -> Callable[..., Iterator[None]]:
    """Return what stands for the hooks around the function: nothing before it, nothing after it."""

    def nothing(*_: Any, **__: Any) -> Iterator[None]:
        seen.append("not reentrant")
        yield

    return nothing
