"""Any way of holding examples to a re-iterable sequence of batches of known size."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, IterableDataset

from landscape.batch_structure import (
    Whole,
    batch_size_of,
    content,
    is_separable,
    map_tensors,
    move_batch,
    rows_in,
    rows_of,
    spread_rows,
    take_rows,
    tensors_in,
)
from landscape.errors import ProblemError, UsageError
from landscape.random_state import seeded_pass
from landscape.randomness import derive_seed

__all__ = [
    "Batches",
    "Whole",
    "batch_size_of",
    "content",
    "count_by",
    "drawn",
    "move_batch",
    "rows_in",
    "rows_of",
    "spread_rows",
]

SizeOf = Callable[[Any], float]
"""A batch to how many examples it holds."""

_PASS_SEED = 0x5EED
"""Of every pass through data that draw: a loader that shuffles gives the same batches each time."""


@dataclass(frozen=True)
class Batches:
    """Examples as batches that can be gone through again and again.

    Args:
        source: Equally long tensors as a tuple (which may nest others) or a dict, a ``Dataset``, or any iterable of
            batches. numpy arrays count as tensors.
        batch_size: Examples per batch for tensors and a ``Dataset``; chosen by their size when None. An iterable
            keeps its own.
        size_of: How many examples a batch holds; the length of the first tensor in it when None.
    """

    source: Any
    batch_size: int | None = None
    size_of: SizeOf | None = None

    def __post_init__(self) -> None:
        """Refuse a batch without examples."""
        if self.batch_size is not None and self.batch_size < 1:
            raise UsageError(
                f"batch_size is the number of examples a forward pass, at least 1; it is {self.batch_size}."
            )

    def __iter__(self) -> Iterator[Any]:
        """Go through the batches; in the same order each time where the order is drawn by a global generator."""
        return self.drawn(_PASS_SEED)

    def drawn(self, seed: int) -> Iterator[Any]:
        """Go through the batches with all generators seeded; they stay as they are for everybody else."""
        batches = self._slices() if is_tensors(self.source) else self._others(seed)
        return (self._held(batch) for batch in batches)

    @property
    def is_stored(self) -> bool:
        """Whether the examples lie in memory as they are, so that every pass gives the same."""
        return isinstance(self.source, list | tuple | Mapping | Tensor | np.ndarray)

    @property
    def can_be_repeated(self) -> bool:
        """Whether the examples can be gone through more than once."""
        again = isinstance(self.source, Iterable) and not isinstance(self.source, Iterator)
        return again or _is_dataset(self.source)

    def size(self, batch: Any) -> float:
        """Return how many examples a batch holds.

        Raises:
            ProblemError: If it shows no number, or the user's function gives none.
        """
        if self.size_of is not None:
            return count_by(self.size_of, content(batch), "batch_size_of")
        rows = rows_in(content(batch))
        if rows is None:
            raise ProblemError(
                f"Cannot tell how many examples a batch of type {type(batch).__name__} holds: no tensor with a leading "
                f"dimension is in it. Yield batches such as (x, y) whose first tensor has one row an example, or give "
                f"batch_size_of=, a function of a batch that returns how many it holds (in Python; no flag has it)."
            )
        return rows

    def take(self, indices: Tensor) -> "Batches":
        """Return only the examples at these positions, shape ``(m,)``, ascending, in the order of going through.

        Rows of tensors, elements of a ``Dataset``; of an iterable, rows of every tensor in a batch whose leading
        dimension is the batch's size, in batches as they were (which goes through all of them once).

        Raises:
            ProblemError: If batches cannot be taken apart.
        """
        if is_tensors(self.source):
            every = rows_in(self.source)
            return Batches(take_rows(self.source, indices, every or 0), self.batch_size, self.size_of)
        if _is_dataset(self.source):
            return Batches(torch.utils.data.Subset(self.source, indices.tolist()), self.batch_size, self.size_of)
        taken, start = [], 0
        for batch in self:
            if isinstance(batch, Whole):
                raise ProblemError(
                    "Examples cannot be drawn from batches that are not all tensors with a row an example. Leave out "
                    "--examples, or yield fewer batches."
                )
            size = batch_size_of(batch)
            rows = indices[(indices >= start) & (indices < start + size)] - start
            start += size
            if len(rows):
                taken.append(take_rows(batch, rows, size))
        return Batches(taken, size_of=self.size_of)

    def frozen(self) -> "Batches":
        """Return the batches of one pass, copied into memory."""
        batches = self._held_once() if not self.can_be_repeated else self
        return Batches([_copied(content(batch)) for batch in batches], size_of=self.size_of)

    def kept_near(self, device: torch.device) -> "Batches":
        """Return examples that lie in memory on the GPU where they are used, if they take a quarter of its room.

        Otherwise, and everywhere else, they stay where they are, and each batch is moved in every pass.
        """
        if device.type != "cuda" or not self.is_stored:
            return self
        size = sum(each.numel() * each.element_size() for each in tensors_in(self.source))
        return self.on(device) if size <= torch.cuda.mem_get_info(device)[0] // 4 else self

    def on(self, device: torch.device) -> "Batches":
        """Return examples that lie in memory on another device."""
        source = map_tensors(lambda each: each.to(device), self.source)
        return Batches(source, self.batch_size, self.size_of)

    def _held(self, batch: Any) -> Any:
        """Return the batch, closed up where its rows are not its examples."""
        if isinstance(batch, Whole):
            return batch
        known = self.size_of is None or rows_in(batch) == self.size(batch)
        return batch if known and is_separable(batch) else Whole(batch)

    def _held_once(self) -> Iterator[Any]:
        return iter(self.source) if isinstance(self.source, Iterable) else iter(())

    def _slices(self) -> Iterator[Any]:
        lengths = [len(each) for each in tensors_in(self.source)]
        if len(set(lengths)) > 1:
            raise ProblemError(f"The tensors hold different numbers of examples: {lengths}. Give one row an example.")
        size = self.batch_size or _fitting_size(map_tensors(lambda each: each[:1], self.source))
        for start in range(0, lengths[0], size):
            yield _sliced(self.source, slice(start, start + size))

    def _others(self, seed: int) -> Iterator[Any]:
        if _is_dataset(self.source):
            if not isinstance(self.source, IterableDataset) and not len(self.source):
                return iter(())
            first = next(iter(self.source)) if isinstance(self.source, IterableDataset) else self.source[0]
            return seeded_pass(DataLoader(self.source, batch_size=self.batch_size or _fitting_size(first)), seed)
        if self.can_be_repeated:
            return iter(self.source) if self.is_stored else seeded_pass(self.source, seed)
        raise ProblemError(
            f"Cannot go through the examples more than once: they are a {type(self.source).__name__}. Give tensors "
            f"(x, y), a Dataset, a DataLoader or a list of batches, or freeze_data=True (--freeze-data) to keep them "
            f"in memory."
        )


def _sliced(source: Any, rows: slice) -> Any:
    return map_tensors(lambda each: each[rows], source)


def _copied(batch: Any) -> Any:
    return map_tensors(lambda each: each.detach().clone(), batch)


def _fitting_size(example: Any) -> int:
    """Return a batch size for examples like this one: 64 to 2,048 of them.

    On a CPU activations should stay in the caches (a product on 28x28 images is 13 % faster in batches of 128 than
    of 256); a GPU wants many examples at once.
    """
    first = next(tensors_in(example), torch.zeros(1))
    most = 2**20 if first.is_cuda else 2**17
    return max(64, min(2048, most // max(first.numel(), 1)))


def is_tensors(source: Any) -> bool:
    """Return whether a source is all examples at once: a dict of tensors, or a tuple with one directly in it."""
    if isinstance(source, Mapping):
        return len(source) > 0 and all(isinstance(each, Tensor | np.ndarray) for each in source.values())
    return isinstance(source, tuple) and any(isinstance(each, Tensor | np.ndarray) for each in source)


def _is_dataset(source: Any) -> bool:
    return hasattr(source, "__getitem__") and not isinstance(source, list | tuple | Mapping)


def drawn(total: int, count: int, seed: int, what: str) -> Tensor:
    """Return the numbers of ``count`` of ``total`` examples, drawn without replacement.

    Raises:
        UsageError: If there are not so many; ``what`` says what they are for.
    """
    if not 1 <= count <= total:
        raise UsageError(f"Cannot draw {what} examples: there are {total}. Ask for 1 to as many.")
    generator = torch.Generator().manual_seed(derive_seed(seed, "subset of examples"))
    return torch.randperm(total, generator=generator)[:count]


def count_by(function: SizeOf, batch: Any, name: str) -> float:
    """Return what a user's function counts in a batch.

    Raises:
        ProblemError: If it raises, or gives no number of at least 0.
    """
    try:
        value = float(function(batch))
    except Exception as error:
        raise ProblemError(f"{name} raised {type(error).__name__}: {error}") from error
    if not 0 <= value < float("inf"):
        raise ProblemError(f"{name} gave {value} for a batch; it must be the number of its examples.")
    return value
