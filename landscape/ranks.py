"""The processes of a torch.distributed job that share the work of one minimum."""

import pickle
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from types import TracebackType
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor

from landscape.errors import LandscapeError


class LostProcess(LandscapeError):
    """Another process of the job has ended, or its connection has: nothing can be summed any more."""


class OwnWork:
    """What a process does by itself before a sum. An error of it waits for the sum, where all processes raise it.

    Raised at once it would leave the others waiting for ever; and where it is passed over, as a measure that cannot be
    had is, all have to pass over it.

    Args:
        alone: Whether there are no others: then nothing waits.

    Attributes:
        error: What was raised, or None.
    """

    def __init__(self, *, alone: bool) -> None:
        self.error: Exception | None = None
        self._alone = alone

    def __enter__(self) -> "OwnWork":
        """Begin."""
        return self

    def __exit__(self, kind: Any, error: BaseException | None, trace: TracebackType | None) -> bool:
        """Keep an error for the sum; a lost process is nothing that one could wait with."""
        if self._alone or not isinstance(error, Exception) or isinstance(error, LostProcess):
            return False
        self.error = error
        return True


@dataclass(frozen=True)
class Ranks:
    """This process among those that share a sum; every one of them makes the same calls in the same order.

    Sums are the same bits in every process, and so is what is computed from them on machines of one kind: all of them
    decide alike. Where processors of several kinds round otherwise, a decision on the last bit (a residual just at its
    tolerance) may differ, after which calls do not match: the job ends with an error, or waits. Use one kind.

    Attributes:
        rank: This one's number, from 0.
        count: How many there are.
        group: torch's process group; None where there is only this process.
    """

    rank: int = 0
    count: int = 1
    group: Any = None

    def add(self, tensor: Tensor) -> Tensor:
        """Return the sum of a tensor over all processes, in its own precision; the tensor itself where one is alone.

        Cost:
            One all-reduce.

        Raises:
            LostProcess: If another process has ended.
        """
        if self.count == 1:
            return tensor
        total = tensor.contiguous()
        _call(dist.all_reduce, total, group=self.group)
        return total

    def own_work(self) -> OwnWork:
        """Return what to enter for work without collective calls; the sum that it is for takes it."""
        return OwnWork(alone=self.count == 1)

    @contextmanager
    def together(self) -> Iterator[None]:
        """Leave this in all processes, or raise in all what one of them raises within, where nobody makes a sum.

        Cost:
            One gather.
        """
        with self.own_work() as own:
            yield
        self.gather([], own)

    def add_all(self, tensors: Sequence[Tensor], own: OwnWork) -> list[Tensor]:
        """Return the sums of some tensors of one precision over all processes, once all have done their own work.

        Cost:
            One all-reduce, and on a GPU a wait for it; none where one is alone.

        Raises:
            Exception: What a process raised in its own work: the same in all.
        """
        if self.count == 1:
            return list(tensors)
        failed = tensors[0].new_full((1,), float(own.error is not None))
        total = torch.cat([*(each.reshape(-1) for each in tensors), failed])
        _call(dist.all_reduce, total, group=self.group)
        if total[-1]:
            self._raise(own)
        found = torch.split(total[:-1], [each.numel() for each in tensors])
        return [each.view(like.shape) for each, like in zip(found, tensors, strict=True)]

    def add_numbers(self, *values: float, own: OwnWork | None = None) -> list[float]:
        """Return the sums of some numbers, in float64."""
        if self.count == 1:
            return list(values)
        return [float(each) for each in self.gather(values, own).sum(0)]

    def gather(self, values: Any, own: OwnWork | None = None) -> Tensor:
        """Return float64 numbers from every process, as many in each, shape ``(count, *shape)``.

        Args:
            values: Those of this process.
            own: The work that they come from.

        Raises:
            Exception: What a process raised in its own work: the same in all.
        """
        row = torch.as_tensor(values, dtype=torch.float64, device=self._device)
        if self.count == 1:
            return row[None]
        failed = own is not None and own.error is not None
        found = torch.stack(self.gather_alike(torch.cat([row.reshape(-1), row.new_full((1,), float(failed))])))
        if own is not None and found[:, -1].any():
            self._raise(own)
        return found[:, :-1].view(self.count, *row.shape)

    def gather_alike(self, tensor: Tensor) -> list[Tensor]:
        """Return the tensors of all processes, of one shape, dtype and kind of device."""
        found = [torch.empty_like(tensor) for _ in range(self.count)]
        _call(dist.all_gather, found, tensor, group=self.group)
        return found

    def concatenate(self, tensor: Tensor) -> Tensor:
        """Return the rows of all processes, of any number in each, in the order of the processes."""
        if self.count == 1:
            return tensor
        lengths = [int(each) for each in self.gather([len(tensor)])[:, 0]]
        padded = tensor.new_zeros(max(lengths), *tensor.shape[1:])
        padded[: len(tensor)] = tensor
        found = self.gather_alike(padded)
        return torch.cat([each[:length] for each, length in zip(found, lengths, strict=True)])

    def wait(self) -> None:
        """Wait until all processes wait.

        Raises:
            LostProcess: If one of them has ended.
        """
        if self.count > 1:
            _call(dist.barrier, group=self.group)

    def from_first(self, value: Any) -> Any:
        """Return what the first process has, in all of them; pickled on the way."""
        if self.count == 1:
            return value
        return self._from(0, value)

    def _from(self, rank: int, value: Any) -> Any:
        box = [value]
        _call(dist.broadcast_object_list, box, group=self.group, group_src=rank)
        return box[0]

    def _raise(self, own: OwnWork) -> None:
        """Raise in all processes what the first of those that failed has raised."""
        first = int(self.gather([own.error is not None])[:, 0].argmax())
        found: Exception = self._from(first, own.error and _portable(own.error))
        if found is own.error:
            raise found
        raise found from own.error

    @property
    def _device(self) -> torch.device:
        nccl = self.group is not None and dist.get_backend(self.group) == "nccl"
        return torch.device("cuda", torch.cuda.current_device()) if nccl else torch.device("cpu")


ALONE = Ranks()


def ranks_of(group: Any) -> Ranks:
    """Return this process among those of a process group; alone where the group is None."""
    if group is None:
        return ALONE
    return Ranks(dist.get_rank(group), dist.get_world_size(group), group)


def _portable(error: Exception) -> Exception:
    """Return the error, or where another process could not read it, its words."""
    try:
        if type(pickle.loads(pickle.dumps(error))) is type(error):
            return error
    except Exception:
        # whatever the classes of a user's own errors do when they are made again
        pass
    return RuntimeError(f"{type(error).__name__}: {error}")


def _call(collective: Any, *arguments: Any, **keywords: Any) -> None:
    try:
        collective(*arguments, **keywords)
    except RuntimeError as error:
        raise LostProcess(
            f"Another process of this job has ended, or cannot be reached any more: "
            f"{str(error).strip().splitlines()[0][:200]}"
        ) from error
