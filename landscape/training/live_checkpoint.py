"""A training that stops between two steps and goes on from a file as if it had never stopped."""

import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from landscape.atomic_write import write_atomically
from landscape.errors import StorageError
from landscape.training.pickled_weights import load_pickled
from landscape.training.rewind import LiveState, capture, restore
from landscape.training.run import Run


def write_live(path: Path, run: Run, step: int, extra: Mapping[str, Any]) -> None:
    """Write the live state of a run after ``step`` steps, whole or not at all.

    Args:
        path: Where to.
        run: What is live.
        step: Steps taken.
        extra: Anything else to keep: tensors, numbers, texts and containers of them.

    Raises:
        StorageError: If the file cannot be written.
    """
    live = capture(run)
    index = {parameter: number for number, parameter in enumerate(run.parameters)}
    state = {index.get(key, str(key)): _plain(value) for key, value in live.optimizer.items()}  # type: ignore[call-overload]
    content = {
        "step": step,
        "tensors": [each.cpu() for each in live.tensors],
        "state": state,
        "groups": [_plain(group) for group in live.groups],
        "extra": dict(extra),
    }
    buffer = io.BytesIO()
    torch.save(content, buffer)
    write_atomically(path, buffer.getvalue())


def read_live(path: Path, run: Run) -> tuple[int, dict[str, Any]]:
    """Put the state that `write_live` wrote into a run made from the same settings.

    Returns:
        The steps taken, and the extra.

    Raises:
        StorageError: If the file is damaged or of another network.
    """
    try:
        content = load_pickled(path, run.device)
        keys: Any = dict(enumerate(run.parameters))
        state = {keys.get(key, key): value for key, value in content["state"].items()}
        restore(run, LiveState(tuple(content["tensors"]), state, tuple(content["groups"])))
        return content["step"], content["extra"]
    except StorageError:
        raise
    except Exception as error:
        # a damaged file raises nearly anything: RuntimeError, EOFError, KeyError, UnpicklingError, ...
        raise StorageError(
            f"{path} is damaged or of another run ({type(error).__name__}). Delete it, and the run starts again."
        ) from error


def _plain(value: Any) -> Any:
    """Return containers as dicts, lists and tuples, which can be loaded without running code."""
    if isinstance(value, Tensor):
        return value.detach()
    if isinstance(value, Mapping):
        return {key: _plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        parts = [_plain(each) for each in value]
        return tuple(parts) if isinstance(value, tuple) else parts
    return value
