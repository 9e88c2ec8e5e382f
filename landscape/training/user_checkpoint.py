"""A checkpoint from anywhere into a model: every key fits, or nothing is loaded."""

import pickle
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import safetensors
import safetensors.torch
import torch
from torch import Tensor, nn

from landscape.errors import StorageError, UsageError
from landscape.file_size import refuse_larger_than_memory
from landscape.training.pickle_scan import BeyondWeights
from landscape.training.pickled_weights import load_pickled

WRAPPERS = ("state_dict", "model", "model_state_dict")
MOST_LISTED = 10
LONGEST_NAME = 80


def load_into(model: nn.Module, path: Path | str) -> None:
    """Load a checkpoint's weights into the model, all of them or none.

    The file is ``.safetensors``, or a pickle of which nothing but tensors and plain containers is accepted
    (``torch.load(weights_only=True)``). It holds a state dict, or one under ``state_dict``, ``model`` or
    ``model_state_dict``. Where keys differ, ``module.`` (DataParallel) and ``_orig_mod.`` (torch.compile) are
    taken out of them, wherever they stand. A name tied to one that is there may be missing.

    Args:
        model: Changed in place; keeps its device, precision and mode.
        path: The checkpoint.

    Raises:
        StorageError: If the file is missing, truncated, no checkpoint, or would run code.
        UsageError: If keys are missing, extra or of another shape, of which at most ten are listed; or if whole numbers
            stand for weights.
    """
    path = Path(path)
    wanted = {name: each for name, each in model.state_dict(keep_vars=True).items() if isinstance(each, Tensor)}
    if path.suffix == ".safetensors":
        # by its header alone: what asks for more memory than there is does not fit, and is never read
        _matched(path, _read(path, _shapes_of), wanted)
    matched = _matched(path, _read(path, _loaded), wanted)
    for name, tensor in wanted.items():
        if not _is_plain(matched[name]) or matched[name].is_complex() > tensor.is_complex():
            raise UsageError(f"{name!r} in {path} is sparse, quantized, complex or without content. Save a dense one.")
        if tensor.is_floating_point() and not matched[name].is_floating_point():
            found, own = (str(each.dtype).removeprefix("torch.") for each in (matched[name], tensor))
            raise UsageError(
                f"{name!r} in {path} is of {found}, the model's of {own}: quantized numbers are no weights without "
                f"their scale. Save them dequantized. Nothing was loaded."
            )
    with torch.no_grad():
        for name, tensor in wanted.items():
            tensor.copy_(matched[name])


def _is_plain(tensor: Tensor) -> bool:
    return tensor.layout == torch.strided and not (tensor.is_quantized or tensor.is_meta)


def _matched(path: Path, content: Any, wanted: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return what a checkpoint holds under the model's own names, if it fits."""
    matched = _with_tied(_match(_unwrap(path, content), wanted), wanted)
    problems = _differences(matched, wanted)
    if problems:
        listed = "; ".join(problems[:MOST_LISTED])
        more = f"; and {len(problems) - MOST_LISTED} more" if len(problems) > MOST_LISTED else ""
        raise UsageError(
            f"{path} does not fit the model: {listed}{more}. Give the model that it was saved from (--model, "
            f"--model-option). Nothing was loaded."
        )
    return matched


def _shapes_of(path: Path) -> Any:
    """Return the tensors of a safetensors file without their content."""
    with safetensors.safe_open(path, framework="pt") as file:
        shapes = {name: file.get_slice(name).get_shape() for name in file.keys()}  # noqa: SIM118 (it is no mapping)
    return {name: torch.empty(shape, device="meta") for name, shape in shapes.items()}


def _loaded(path: Path) -> Any:
    if path.suffix == ".safetensors":
        return safetensors.torch.load_file(path)
    return load_pickled(path)


def _read(path: Path, how: Callable[[Path], Any]) -> Any:
    if not path.is_file():
        raise StorageError(f"There is no checkpoint {str(path)!r}. Give the path of a .safetensors or .pt file.")
    refuse_larger_than_memory(path)
    try:
        return how(path)
    except pickle.UnpicklingError as error:
        # PyTorch's own reasons tell how to load it all the same
        why = f" ({error})" if isinstance(error, BeyondWeights) else ""
        raise StorageError(
            f"{path} was not loaded: it holds more than tensors, and loading that could run code or take any amount of "
            f"memory, or it is no checkpoint. Save the weights alone: torch.save(model.state_dict(), path).{why}"
        ) from error
    except Exception as error:
        # a damaged file raises nearly anything: RuntimeError, EOFError, KeyError, UnicodeDecodeError, ...
        raise StorageError(
            f"{path} is truncated or no checkpoint. Copy it again, or give the path of a .safetensors or .pt file."
        ) from error


def _quoted(name: object) -> str:
    """Return a name that somebody else chose, as short as it can be shown."""
    return repr(name if len(str(name)) <= LONGEST_NAME else f"{str(name)[:LONGEST_NAME]}...")


def _unwrap(path: Path, value: Any) -> dict[str, Tensor]:
    """Return the state dict in what a checkpoint holds."""
    # no deeper than there are words for it: a mapping can hold itself
    for _ in WRAPPERS:
        inner = [value[key] for key in WRAPPERS if isinstance(value, Mapping) and isinstance(value.get(key), Mapping)]
        value = inner[0] if inner else value
    found = {}
    if isinstance(value, Mapping):
        found = {str(key): each for key, each in value.items() if isinstance(each, Tensor)}
    if not found:
        holds = f"the keys {', '.join(map(_quoted, list(value)[:MOST_LISTED]))}" if isinstance(value, Mapping) else ""
        raise UsageError(
            f"{path} holds no state dict, but {holds or 'a ' + type(value).__name__}. "
            f"It must be one, or hold one under {', '.join(WRAPPERS)}."
        )
    return found


def _match(found: Mapping[str, Tensor], wanted: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return what was found under the model's own names as far as they match, the rest under their own."""
    plain = {_plain(name): name for name in wanted}
    renamed = {plain.get(_plain(name), name): each for name, each in found.items()}
    # fewer: names that differ by nothing else, which only their own spelling tells apart
    return renamed if len(renamed) == len(found) else dict(found)


def _plain(name: str) -> str:
    return ".".join(part for part in name.split(".") if part not in {"module", "_orig_mod"})


def _with_tied(found: dict[str, Tensor], wanted: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return what was found, with a tied name that is missing filled from the one it is tied to."""
    held = {id(each): found[name] for name, each in wanted.items() if name in found}
    tied = {name: held[id(each)] for name, each in wanted.items() if name not in found and id(each) in held}
    return {**found, **tied}


def _differences(found: Mapping[str, Tensor], wanted: Mapping[str, Tensor]) -> list[str]:
    missing = [f"missing {name!r}" for name in wanted if name not in found]
    extra = [f"extra {_quoted(name)}" for name in found if name not in wanted]
    reshaped = [
        f"{name!r} has shape {tuple(found[name].shape)}, the model's {tuple(each.shape)}"
        for name, each in wanted.items()
        if name in found and found[name].shape != each.shape
    ]
    return missing + extra + reshaped
