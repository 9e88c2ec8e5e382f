"""Any way of holding examples to a re-iterable sequence of batches of known size."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from landscape.errors import ProblemError


@dataclass(frozen=True)
class Batches:
    """Examples as batches that can be gone through again and again.

    Args:
        source: A tuple of equally long tensors, a ``Dataset``, or any iterable of batches.
        batch_size: Examples per batch for tensors and a ``Dataset``; chosen by their size when None. An iterable
            keeps its own.
    """

    source: Any
    batch_size: int | None = None

    def __iter__(self) -> Iterator[Any]:
        """Go through the batches in a fixed order."""
        if _is_tensors(self.source):
            return self._slices()
        if _is_dataset(self.source):
            size = self.batch_size or _fitting_size(self.source[0])
            return iter(torch.utils.data.DataLoader(self.source, batch_size=size))
        if isinstance(self.source, Iterable) and not isinstance(self.source, Iterator):
            return iter(self.source)
        raise ProblemError(
            f"Cannot go through the examples more than once: they are a {type(self.source).__name__}. "
            f"Give tensors (x, y), a Dataset, a DataLoader or a list of batches."
        )

    def _slices(self) -> Iterator[tuple[Tensor, ...]]:
        lengths = [len(each) for each in self.source]
        if len(set(lengths)) > 1:
            raise ProblemError(f"The tensors hold different numbers of examples: {lengths}. Give one row an example.")
        size = self.batch_size or _fitting_size(self.source[0][:1])
        for start in range(0, len(self.source[0]), size):
            yield tuple(each[start : start + size] for each in self.source)

    def take(self, indices: Tensor) -> "Batches":
        """Return only the examples at these positions, shape ``(m,)``, ascending, in the order of going through.

        Rows of tensors, elements of a ``Dataset``; of an iterable, rows of every tensor in a batch whose leading
        dimension is the batch's size, in batches as they were (which goes through all of them once).
        """
        if _is_tensors(self.source):
            return Batches(tuple(each[indices.to(each.device)] for each in self.source), self.batch_size)
        if _is_dataset(self.source):
            return Batches(torch.utils.data.Subset(self.source, indices.tolist()), self.batch_size)
        taken, start = [], 0
        for batch in self:
            size = batch_size_of(batch)
            rows = indices[(indices >= start) & (indices < start + size)] - start
            start += size
            if len(rows):
                taken.append(_take_rows(batch, rows, size))
        return Batches(taken)


def _take_rows(batch: Any, rows: Tensor, size: int) -> Any:
    """Return the batch with these rows of every tensor that has one row an example."""
    if isinstance(batch, Tensor):
        return batch[rows.to(batch.device)] if batch.ndim and len(batch) == size else batch
    if isinstance(batch, Mapping):
        return {key: _take_rows(each, rows, size) for key, each in batch.items()}
    if isinstance(batch, tuple | list):
        return tuple(_take_rows(each, rows, size) for each in batch)
    return batch


def _fitting_size(example: Any) -> int:
    """Return a batch size for examples like this one: 64 to 2,048 of them.

    On a CPU activations should stay in the caches (a product on 28x28 images is 13 % faster in batches of 128 than
    of 256); a GPU wants many examples at once.
    """
    first = next(iter(_leaves(example)))
    most = 2**20 if first.is_cuda else 2**17
    return max(64, min(2048, most // max(first.numel(), 1)))


def _is_tensors(source: Any) -> bool:
    return isinstance(source, tuple) and len(source) > 0 and all(isinstance(each, Tensor) for each in source)


def _is_dataset(source: Any) -> bool:
    return hasattr(source, "__getitem__") and not isinstance(source, list | tuple | Mapping)


def batch_size_of(batch: Any) -> int:
    """Return the number of examples in a batch: the length of the first tensor found in it.

    Raises:
        ProblemError: If there is no tensor with a leading dimension in it.
    """
    for each in _leaves(batch):
        if each.ndim:
            return int(each.shape[0])
    raise ProblemError(
        f"Cannot tell how many examples a batch of type {type(batch).__name__} holds: no tensor with a leading "
        f"dimension is in it. Yield batches such as (x, y) whose first tensor has one row an example."
    )


def rows_of(batch: Any, rows: Tensor) -> Any:
    """Return some examples of a batch: those rows of every tensor in it that has a row an example."""
    return _take_rows(batch, rows, batch_size_of(batch))


def spread_rows(batch: Any, count: int) -> Any:
    """Return ``count`` examples of a batch, evenly spread over it; all where there are fewer."""
    size = batch_size_of(batch)
    return batch if count >= size else rows_of(batch, torch.linspace(0, size - 1, count).long())


def move_batch(batch: Any, device: torch.device, dtype: torch.dtype) -> Any:
    """Return the batch on ``device``, floating-point tensors as ``dtype``, everything else as it was."""
    if isinstance(batch, Tensor):
        return batch.to(device, dtype if batch.is_floating_point() else batch.dtype)
    if isinstance(batch, Mapping):
        return {key: move_batch(each, device, dtype) for key, each in batch.items()}
    if isinstance(batch, tuple | list):
        return tuple(move_batch(each, device, dtype) for each in batch)
    return batch


def _leaves(batch: Any) -> Iterator[Tensor]:
    if isinstance(batch, Tensor):
        yield batch
    elif isinstance(batch, Mapping):
        for each in batch.values():
            yield from _leaves(each)
    elif isinstance(batch, tuple | list):
        for each in batch:
            yield from _leaves(each)
