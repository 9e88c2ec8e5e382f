"""The examples that are this process's own, of those that several processes share."""

from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Any

from torch import Tensor

from landscape.batches import batch_size_of
from landscape.operators.pieces import are_on_their_own, is_pair
from landscape.problem import Problem
from landscape.ranks import OwnWork


class OwnParts:
    """The batches whose sums are this process's: all of them where it is alone.

    Each process has a run of examples, as many as the others to within one, where a batch can be cut without changing
    its mean (pairs (x, y) with a known criterion); otherwise batches are dealt out whole, one to each in turn. So a
    process may have none.

    Args:
        problem: Whose batches.
    """

    def __init__(self, problem: Problem) -> None:
        self.problem = problem

    def __iter__(self) -> Iterator[tuple[Any, float, int]]:
        """Go through (batch, its share of all examples, how many examples there are before it)."""
        ranks, before, mine = self.problem.ranks, 0, self._run
        for index, (batch, share) in enumerate(self.problem.batches()):
            size = batch_size_of(batch)
            if mine is None:
                if index % ranks.count == ranks.rank:
                    yield batch, share, before
            else:
                first, last = max(mine.start - before, 0), min(mine.stop - before, size)
                if first < last:
                    own = batch if last - first == size else tuple(each[first:last] for each in batch)
                    yield own, share * (last - first) / size, before + first
            before += size

    @cached_property
    def _run(self) -> range | None:
        """This process's run of the examples; None where batches stay whole."""
        ranks, count = self.problem.ranks, self.problem.num_examples
        if ranks.count == 1 or self.problem.batch_norm == "batch":
            return None
        first, _ = next(self.problem.batches())
        if not is_pair(first) or not are_on_their_own(self.problem, first):
            return None
        return range(count * ranks.rank // ranks.count, count * (ranks.rank + 1) // ranks.count)


def over_all(problem: Problem, totals: list[Tensor], vectors: Sequence[Tensor], own: OwnWork) -> list[Tensor]:
    """Return products with the loss's Hessian of all processes' examples, and weight decay's part of them.

    Args:
        problem: Whose.
        totals: Of this process's own examples, one a vector, shape ``(n,)``.
        vectors: What they are the products with.
        own: The work of this process that gave the totals.

    Raises:
        Exception: What a process raised in its own work: the same in all.
    """
    totals = problem.ranks.add_all(totals, own)
    if problem.weight_decay:
        totals = [total.add(v, alpha=problem.weight_decay) for total, v in zip(totals, vectors, strict=True)]
    return totals
