"""Minima and optimizer states as safetensors files of our own."""

import dataclasses
import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import safetensors
import safetensors.torch
from torch import Tensor

from landscape.atomic_write import write_atomically
from landscape.errors import StorageError
from landscape.file_size import refuse_larger_than_memory
from landscape.shapes import Misshapen, number, option, optional, record, table, text, whole
from landscape.training.optimizer_state import OptimizerState
from landscape.training.snapshot import Snapshot

_maybe = optional(number)
_SNAPSHOT = record(
    {
        **dict.fromkeys(("step", "examples"), whole),
        **dict.fromkeys(("epoch", "seconds"), number),
        **dict.fromkeys(("train_loss", "test_loss", "train_accuracy", "test_accuracy"), _maybe),
    },
    {"target": _maybe, "note": text},
)
_STATE = record({"name": text, "options": table(option), "lr": number, "step": whole})


def write_snapshot(snapshot: Snapshot, minimum: Path, optimizer: Path) -> None:
    """Write a snapshot as two files: the state dict, loadable by anything, and the optimizer's flat vectors.

    The rest of the snapshot is in the metadata of the first, as JSON. Each file is there whole or not at all; the
    first is written last, so that where it exists the other does too.

    Args:
        snapshot: What to write.
        minimum: Such as ``minimum.safetensors``.
        optimizer: Such as ``optimizer.safetensors``.

    Raises:
        StorageError: If a file cannot be written.
    """
    state = snapshot.optimizer
    about_state = {"name": state.name, "options": dict(state.options), "lr": state.lr, "step": state.step}
    about = {
        field.name: _finite(getattr(snapshot, field.name))
        for field in dataclasses.fields(snapshot)
        if field.name not in {"state_dict", "optimizer"}
    }
    write_tensors(optimizer, state.tensors, about_state)
    write_tensors(minimum, snapshot.state_dict, about)


def read_snapshot(minimum: Path, optimizer: Path) -> Snapshot:
    """Return the snapshot that `write_snapshot` wrote.

    Raises:
        StorageError: If a file is missing, truncated or none of ours.
    """
    state_dict, about = read_tensors(minimum)
    tensors, about_state = read_tensors(optimizer)
    try:
        _SNAPSHOT(about)
        _STATE(about_state)
        options = {key: _tuple(value) for key, value in about_state.pop("options").items()}
        state = OptimizerState(options=options, tensors=tensors, **about_state)
        losses = {name: math.nan for name in ("train_loss", "test_loss") if about[name] is None}
        return Snapshot(state_dict=state_dict, optimizer=state, **{**about, **losses})
    except (TypeError, KeyError, Misshapen) as error:
        raise StorageError(
            f"{minimum} and {optimizer} are not a minimum and its optimizer's state ({error}). Delete them and train "
            f"again."
        ) from error


def write_tensors(path: Path, tensors: Mapping[str, Tensor], about: Mapping[str, Any]) -> None:
    """Write tensors with metadata, whole or not at all; tensors that share memory are written once each name."""
    plain = {name: each.detach().cpu().contiguous() for name, each in tensors.items()}
    seen: set[int] = set()
    for name, each in plain.items():
        storage = each.untyped_storage()
        # safetensors refuses views and tied tensors: give these a copy of their own
        if storage.data_ptr() in seen or storage.nbytes() != each.nbytes:
            plain[name] = each.clone()
        seen.add(storage.data_ptr())
    write_atomically(path, safetensors.torch.save(plain, {"landscape": json.dumps(about)}))


def read_tensors(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Return the tensors and metadata that `write_tensors` wrote.

    Raises:
        StorageError: If the file is missing, truncated or none of ours.
    """
    try:
        refuse_larger_than_memory(path)
        with safetensors.safe_open(path, framework="pt") as file:
            about = json.loads((file.metadata() or {})["landscape"])
            return {name: _read(file, name) for name in file.keys()}, about  # noqa: SIM118 (it is no mapping)
    except OSError as error:
        raise StorageError(f"Cannot read {path}: {error.strerror or error}.") from error
    except (safetensors.SafetensorError, KeyError, ValueError, RecursionError) as error:
        raise StorageError(
            f"{path} is truncated or was not written by landscape ({error}). Delete it and train again."
        ) from error


def _read(file: Any, name: str) -> Tensor:
    tensor: Tensor = file.get_tensor(name)
    return tensor


def _finite(value: Any) -> Any:
    """Return None for what JSON does not know."""
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _tuple(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value
