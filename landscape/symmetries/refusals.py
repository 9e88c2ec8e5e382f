"""Saying what of a network is not understood."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

from landscape.problem import Problem
from landscape.symmetries import functions
from landscape.symmetries.neurons import SUPPORTED


def unknown(name: str) -> str:
    """Return that a function is not understood, and what is."""
    what = f"attention ({name})" if name in functions.ATTENTION else name
    return f"{what} is not understood: how neurons may be rescaled through it is not known here. {SUPPORTED}"


def attention_in(problem: Problem, leaves: Sequence[Tensor], batch: Any) -> str:
    """Return by what function the network attends, or ""."""
    calls = Calls()
    with torch.no_grad(), calls:
        problem.batch_outputs(leaves, batch)
    found = [name for name in calls.names if name in functions.ATTENTION]
    products = {"matmul", "__matmul__", "bmm", "einsum"} & set(found)
    named = [name for name in found if name.startswith(("scaled", "multi"))]
    return named[0] if named else "softmax" if products and "softmax" in found else ""


class Calls(TorchFunctionMode):
    """While entered, notes the names of the functions that are called."""

    def __init__(self) -> None:
        super().__init__()
        self.names: list[str] = []

    def __torch_function__(
        self, func: Callable[..., Any], types: Sequence[type], args: Any = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        """Compute one call and note its name."""
        self.names.append(getattr(func, "__name__", str(func)))
        return func(*args, **(kwargs or {}))
