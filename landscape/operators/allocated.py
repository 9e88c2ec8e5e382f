"""Bytes of tensors that operations allocate: now, and at their height."""

import weakref
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_iter


class Allocated(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """While entered, follows the storages that operations make, in forward and backward passes, on any device.

    What an operation takes for itself and gives back before it returns is not seen.

    Attributes:
        now: Bytes of them that are still there.
        height: The most that there were at once.
    """

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.now = self.height = 0
        self._known: dict[int, weakref.ref[Any]] = {}

    def __torch_dispatch__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: Sequence[Any] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        """Do the operation, and note what is new."""
        given = {id(each) for each in _storages((args, kwargs))}
        made = func(*args, **(kwargs or {}))
        for each in _storages(made):
            if id(each) not in given and id(each) not in self._known:
                self._note(each)
        self.height = max(self.height, self.now)
        return made

    def _note(self, storage: torch.UntypedStorage) -> None:
        key, size = id(storage), storage.nbytes()

        def let_go(_: Any) -> None:
            self.now -= size
            del self._known[key]

        self._known[key] = weakref.ref(storage, let_go)
        self.now += size


def _storages(values: Any) -> list[torch.UntypedStorage]:
    return [each.untyped_storage() for each in tree_iter(values) if isinstance(each, Tensor)]
