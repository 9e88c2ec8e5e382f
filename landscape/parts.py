"""A vector of which every process keeps a part."""

from dataclasses import dataclass

import torch
from torch import Tensor

from landscape.ranks import Ranks


@dataclass(frozen=True)
class Parts:
    """How the vectors of a space are dealt out: a run of elements to each process, as many as to the others within one.

    Where there are fewer elements than processes some have none. A process that is alone keeps all of them, and no
    call costs it anything.

    Attributes:
        ranks: The processes; all of them make the same calls in the same order.
        size: Elements of a whole vector.
    """

    ranks: Ranks
    size: int

    @property
    def most(self) -> int:
        """Elements of the longest part."""
        return -(-self.size // self.ranks.count)

    @property
    def length(self) -> int:
        """Elements of this process's part."""
        return len(self._run(self.ranks.rank))

    def own(self, vector: Tensor) -> Tensor:
        """Return this process's part of a whole vector ``(size,)``, as a copy; the vector itself where one is alone."""
        if self.ranks.count == 1:
            return vector
        run = self._run(self.ranks.rank)
        return vector[run.start : run.stop].clone()

    def whole(self, part: Tensor) -> Tensor:
        """Return the vector of shape ``(size,)`` whose parts the processes give, in all of them.

        Cost:
            One all-gather.
        """
        if self.ranks.count == 1:
            return part
        padded = part.new_zeros(self.most)
        padded[: self.length] = part
        rows = self.ranks.gather_alike(padded)
        runs = [self._run(rank) for rank in range(self.ranks.count)]
        return torch.cat([row[: len(run)] for row, run in zip(rows, runs, strict=True)])

    def whole_columns(self, columns: Tensor) -> Tensor:
        """Return the vectors whose parts are columns, shape ``(length, k)`` to ``(size, k)``."""
        if self.ranks.count == 1:
            return columns
        return torch.stack([self.whole(column) for column in columns.unbind(1)], dim=1)

    def add(self, numbers: Tensor) -> Tensor:
        """Return the sums of numbers that the processes have computed from their parts (inner products)."""
        return self.ranks.add(numbers) if numbers.numel() else numbers

    def norm(self, part: Tensor) -> Tensor:
        """Return the Euclidean length of a vector by its part, accumulated in float64, as a tensor of one number."""
        own: Tensor = torch.linalg.vector_norm(part, dtype=torch.float64)
        return own if self.ranks.count == 1 else self.add(own.square()).sqrt()

    def length_of(self, part: Tensor) -> float:
        """Return the same as a number."""
        return float(self.norm(part))

    def _run(self, rank: int) -> range:
        return range(self.size * rank // self.ranks.count, self.size * (rank + 1) // self.ranks.count)
