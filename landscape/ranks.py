"""The processes of a torch.distributed job that share the work of one minimum."""

from dataclasses import dataclass
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor

from landscape.errors import LandscapeError


class LostProcess(LandscapeError):
    """Another process of the job has ended, or its connection has: nothing can be summed any more."""


@dataclass(frozen=True)
class Ranks:
    """This process among those that share a sum; every one of them makes the same calls in the same order.

    Sums are the same bits in every process, so that all of them decide alike.

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

    def add_numbers(self, *values: float) -> list[float]:
        """Return the sums of some numbers, in float64."""
        if self.count == 1:
            return list(values)
        return [float(each) for each in self.gather(values).sum(0)]

    def gather(self, values: Any) -> Tensor:
        """Return a row of float64 numbers from every process, shape ``(count, len(values))``."""
        row = torch.as_tensor(values, dtype=torch.float64, device=self._device)
        if self.count == 1:
            return row[None]
        return torch.stack(self.gather_alike(row))

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

    def from_first(self, value: Any) -> Any:
        """Return what the first process has, in all of them; pickled on the way."""
        if self.count == 1:
            return value
        box = [value]
        _call(dist.broadcast_object_list, box, group=self.group, group_src=0)
        return box[0]

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


def _call(collective: Any, *arguments: Any, **keywords: Any) -> None:
    try:
        collective(*arguments, **keywords)
    except RuntimeError as error:
        raise LostProcess(
            f"Another process of this job has ended, or cannot be reached any more: "
            f"{str(error).strip().splitlines()[0][:200]}"
        ) from error
