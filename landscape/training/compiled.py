"""A network compiled for its training steps."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from landscape.errors import ProblemError

Forward = Callable[[Tensor], Tensor]


def compiled(model: nn.Module) -> Forward:
    """Return the network's forward pass by ``torch.compile``; the network itself stays as it is.

    Nothing is compiled before the first call, which raises what `blamed_on_compiler` explains.
    """
    # what earlier networks left counts against the limit at which torch gives up and runs uncompiled
    torch.compiler.reset()
    forward: Forward = torch.compile(model)
    return forward


@contextmanager
def blamed_on_compiler() -> Iterator[None]:
    """Turn what ``torch.compile`` raises into one message."""
    try:
        yield
    except Exception as error:
        if not type(error).__module__.startswith(("torch._dynamo", "torch._inductor")):
            raise
        lines = [line.strip() for line in str(error).splitlines() if line.strip()]
        what = (lines[0] if lines else type(error).__name__).rstrip(".") + "."
        compiler = "Install a C++ compiler (g++ or clang++; the environment's CXX names another), or leave"
        hint = f"{compiler if 'compiler' in what.lower() else 'Leave'} --compile out."
        raise ProblemError(f"torch.compile cannot compile this network: {what} {hint}") from error
