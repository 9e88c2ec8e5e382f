"""Functions of networks through ``torch.compile``."""

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import torch

from landscape.errors import ProblemError

Function = TypeVar("Function", bound=Callable[..., Any])


def compiled(function: Function, *, graphs: bool = False) -> Function:
    """Return a network, or a function of one, by ``torch.compile``; itself it stays as it is.

    Nothing is compiled before the first call, which raises what `blamed_on_compiler` explains.

    Args:
        function: A module or anything that calls one.
        graphs: On a GPU, whether calls are replayed as captured graphs: what a call returns is then overwritten by the
            next one.
    """
    # what earlier networks left counts against the limit at which torch gives up and runs uncompiled
    torch.compiler.reset()
    if graphs:
        return torch.compile(function, mode="reduce-overhead")  # type: ignore[return-value]
    return torch.compile(function)  # type: ignore[return-value]


@contextmanager
def blamed_on_compiler() -> Iterator[None]:
    """Turn what ``torch.compile`` raises into one message.

    Raises:
        ProblemError: That says what stands in the way.
    """
    try:
        with warnings.catch_warnings():
            # what it advises rounds the factors of products: curvature and losses are wrong then
            warnings.filterwarnings("ignore", "TensorFloat32 tensor cores")
            yield
    except Exception as error:
        if not type(error).__module__.startswith(("torch._dynamo", "torch._inductor")):
            raise
        lines = [line.strip() for line in str(error).splitlines() if line.strip()]
        what = (lines[0] if lines else type(error).__name__).rstrip(".") + "."
        compiler = "Install a C++ compiler (g++ or clang++; the environment's CXX names another), or leave"
        hint = f"{compiler if 'compiler' in what.lower() else 'Leave'} --compile out."
        raise ProblemError(f"torch.compile cannot compile this network: {what} {hint}") from error
