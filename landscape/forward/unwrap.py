"""The module itself: out of what wraps it, and refused where it cannot be measured."""

from typing import Any

import torch
from torch import nn
from torch.nn.parallel import DistributedDataParallel
from torch.nn.parameter import is_lazy

from landscape.errors import ProblemError, UsageError
from landscape.forward.sharded import refuse_tensor_parallel

_ALIKE = (nn.DataParallel, DistributedDataParallel)


def unwrap(model: Any) -> tuple[nn.Module, list[str]]:
    """Return the module that is measured, and what is to be said of it.

    Raises:
        UsageError: If it is no module.
        ProblemError: If it is of a kind whose parameters cannot be exchanged or differentiated.
    """
    notes = []
    while True:
        if isinstance(model, _ALIKE):
            notes.append(f"the module inside {type(model).__name__} is measured, in this process alone")
            model = model.module
        elif isinstance(getattr(model, "_orig_mod", None), nn.Module):
            notes.append("the original of the compiled module is measured: compiled code has no second derivative")
            model = model._orig_mod
        else:
            break
    if not isinstance(model, nn.Module):
        raise UsageError(
            f"The model must be a torch.nn.Module; it is {_kind(model)}. If that makes the model, call it."
        )
    _refuse_unusable(model)
    if any(each._compiled_call_impl is not None for each in model.modules()):
        notes.append("the original of the compiled module is measured: compiled code has no second derivative")
    return model, notes


def _refuse_unusable(model: nn.Module) -> None:
    for name, each in model.named_modules():
        if isinstance(each, torch.jit.ScriptModule):
            where = f"The module {name!r}" if name else "The model"
            raise ProblemError(
                f"{where} is scripted (torch.jit): its parameters cannot be exchanged. Give the Python module that it "
                f"was made from, with the scripted one's state dict loaded."
            )
        if type(each).__name__ == "FullyShardedDataParallel":
            raise ProblemError(
                "The model's parameters are shards in flat tensors of FSDP's first version. Wrap the plain module with "
                "fully_shard (torch.distributed.fsdp) instead, or gather the full state dict, load it into the plain "
                "module and give that."
            )
    refuse_tensor_parallel(model)
    named = [*model.named_parameters(), *model.named_buffers()]
    for name, each in named:
        if is_lazy(each):
            raise ProblemError(
                f"{name!r} has no shape yet: the module is lazy. Run one batch through the model before measuring it."
            )
        if each.is_meta:
            raise ProblemError(f"{name!r} lies on the meta device: it has no numbers. Load the weights first.")


def _kind(value: Any) -> str:
    return f"the function {value.__name__}" if hasattr(value, "__name__") else f"a {type(value).__name__}"
