"""A linear map of one batch with the graph behind it."""

import weakref
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor


@dataclass(frozen=True)
class Linearisation:
    """The product of one batch's matrix with a vector, and what it holds in memory.

    Attributes:
        product: Pieces of v shaped like the parameters to a flat vector of shape ``(n,)``.
        num_bytes: Of the tensors that the graph behind it has saved.
    """

    product: Callable[[Sequence[Tensor]], Tensor]
    num_bytes: int


class SavedBytes(torch.autograd.graph.saved_tensors_hooks):
    """While entered, notes what autograd saves, to tell how many bytes of it are still held later.

    Args:
        resident: Tensors that are there anyway, and not counted.
    """

    def __init__(self, resident: Sequence[Tensor] = ()) -> None:
        self._saved: list[tuple[weakref.ref[Tensor], int, int]] = []
        self._resident = {each.untyped_storage().data_ptr() for each in resident}
        super().__init__(self._note, lambda tensor: tensor)

    @property
    def total(self) -> int:
        """Bytes still held, each storage once."""
        storages: dict[int, int] = {}
        for saved, pointer, size in self._saved:
            if saved() is not None:
                storages[pointer] = max(size, storages.get(pointer, 0))
        return sum(storages.values())

    def _note(self, tensor: Tensor) -> Tensor:
        # detached: an output saved by its own node would hold itself in a cycle; autograd joins it again
        kept = tensor.detach()
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in self._resident:
            # a batch may be a slice of all the examples: its own part is what counts
            own = tensor.numel() * tensor.element_size()
            size = own if tensor.is_contiguous() and own < storage.nbytes() else storage.nbytes()
            self._saved.append((weakref.ref(kept), storage.data_ptr(), size))
        return kept


Linearise = Callable[[Any, int], Linearisation]
"""(batch, number of examples before it) to its linearisation."""
