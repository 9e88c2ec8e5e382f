"""What a batch is made of: tensors in tuples, lists and mappings, and which of their rows are its examples."""

import copy
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn.utils.rnn import PackedSequence


@dataclass(frozen=True)
class Whole:
    """A batch that cannot be taken apart by rows: only the user knows which part of it is an example."""

    content: Any


def content(batch: Any) -> Any:
    """Return the batch as the user's data gave it."""
    return batch.content if isinstance(batch, Whole) else batch


def leaves_of(batch: Any) -> Iterator[Any]:
    """Go through what a batch holds in its tuples, lists and mappings, in order; numpy arrays become tensors."""
    if isinstance(batch, Mapping):
        for each in batch.values():
            yield from leaves_of(each)
    elif isinstance(batch, tuple | list) and not isinstance(batch, PackedSequence):
        for each in batch:
            yield from leaves_of(each)
    else:
        yield torch.as_tensor(batch) if isinstance(batch, np.ndarray) else batch


def tensors_in(batch: Any) -> Iterator[Tensor]:
    """Go through the tensors of a batch in order."""
    return (each for each in leaves_of(batch) if isinstance(each, Tensor))


def map_leaves(function: Callable[[Any], Any], batch: Any) -> Any:
    """Return a batch of the same structure with the function of every leaf."""
    if isinstance(batch, Mapping):
        return _like_mapping(batch, {key: map_leaves(function, each) for key, each in batch.items()})
    if isinstance(batch, tuple | list) and not isinstance(batch, PackedSequence):
        parts = [map_leaves(function, each) for each in batch]
        return type(batch)(*parts) if hasattr(batch, "_fields") else type(batch)(parts)
    return function(torch.as_tensor(batch) if isinstance(batch, np.ndarray) else batch)


def map_tensors(function: Callable[[Tensor], Tensor], batch: Any) -> Any:
    """Return a batch of the same structure with the function of every tensor in it."""
    return map_leaves(lambda each: function(each) if isinstance(each, Tensor) else each, batch)


def is_separable(batch: Any) -> bool:
    """Return whether a batch is tensors, plain numbers and named words, inputs and targets with as many rows."""
    if isinstance(batch, tuple | list) and len(batch) == 2:
        rows = {rows_in(each) for each in batch} - {None}
        if len(rows) > 1:
            return False
    plain = all(each is None or isinstance(each, Tensor | int | float | str) for each in leaves_of(batch))
    return plain and not _lists_words(batch)


def _lists_words(batch: Any) -> bool:
    """Return whether words stand in a list of the batch: there may be one for each example."""
    if isinstance(batch, Mapping):
        return any(_lists_words(each) for each in batch.values())
    return isinstance(batch, tuple | list) and any(isinstance(each, str) or _lists_words(each) for each in batch)


def rows_in(batch: Any) -> int | None:
    """Return the length of the first tensor in a batch that has one; None where there is none."""
    return next((int(each.shape[0]) for each in tensors_in(batch) if each.ndim), None)


def batch_size_of(batch: Any) -> int:
    """Return how many parts a batch can be taken apart into: its rows, or 1 where it has none."""
    rows = rows_in(batch)
    return 1 if rows is None else rows


def take_rows(batch: Any, rows: Tensor, size: int) -> Any:
    """Return the batch with these rows of every tensor of ``size`` rows."""

    def of_tensor(each: Tensor) -> Tensor:
        return each[rows.to(each.device)] if each.ndim and len(each) == size else each

    return map_tensors(of_tensor, batch)


def rows_of(batch: Any, rows: Tensor) -> Any:
    """Return some examples of a batch: those rows of every tensor in it that has a row an example."""
    return take_rows(batch, rows, batch_size_of(batch))


def spread_rows(batch: Any, count: int) -> Any:
    """Return ``count`` examples of a batch, evenly spread over it; all where there are fewer."""
    size = batch_size_of(batch)
    return batch if count >= size else rows_of(batch, torch.linspace(0, size - 1, count).long())


def move_batch(batch: Any, device: torch.device, dtype: torch.dtype) -> Any:
    """Return the batch on ``device``, floating-point tensors as ``dtype``, everything else as it was.

    Containers keep their types; an object of another type is moved by its own ``to(device)``, if it has one.
    """
    if isinstance(batch, Whole):
        return Whole(move_batch(batch.content, device, dtype))

    def moved(leaf: Any) -> Any:
        if isinstance(leaf, Tensor):
            kind = dtype if leaf.is_floating_point() else leaf.dtype
            # to a GPU without waiting for what it is doing; from one the copy has to be complete
            return leaf.to(device, kind, non_blocking=device.type == "cuda")
        if isinstance(leaf, PackedSequence):
            return leaf.to(dtype if leaf.data.is_floating_point() else leaf.data.dtype).to(device)  # type: ignore[arg-type]
        return leaf.to(device) if callable(getattr(leaf, "to", None)) else leaf

    return map_leaves(moved, batch)


def describe(value: Any) -> str:
    """Return what a value is, for messages."""
    if isinstance(value, Tensor):
        kind = str(value.dtype).removeprefix("torch.")
        return f"{'an' if kind.startswith('int') else 'a'} {kind} tensor of shape {tuple(value.shape)}"
    if isinstance(value, tuple | list) and 0 < len(value) <= 4:
        return f"a {type(value).__name__} of {' and '.join(describe(each) for each in value)}"
    if isinstance(value, Mapping) and 0 < len(value) <= 4:
        parts = " and ".join(f"{key!r}: {describe(each)}" for key, each in value.items())
        return f"a {type(value).__name__} of {parts}"
    return f"a {type(value).__name__}"


def _like_mapping(batch: Mapping[Any, Any], values: dict[Any, Any]) -> Any:
    """Return the values in a mapping of the batch's own type, whose attributes a loss may use."""
    if type(batch) is dict:
        return values
    try:
        same = copy.copy(batch)
        for key, each in values.items():
            same[key] = each  # type: ignore[index]
    except TypeError:
        return values
    return same
