"""Linearisations of batches, as many of them held between products as memory allows."""

import functools
import itertools
from collections.abc import Callable, Iterator
from functools import cached_property
from typing import Any

import torch

from landscape.errors import ProblemError
from landscape.memory import available_memory
from landscape.operators.allocated import Allocated
from landscape.operators.linearisation import Linearisation, Linearise
from landscape.operators.own_parts import OwnParts
from landscape.operators.pieces import cut, examples_of_a_piece
from landscape.operators.replayed import REPLAY_AFTER, Replays, can_be_replayed
from landscape.problem import Problem

KEPT_PARTS = 4
"""Of so many parts of a minimum's memory one is for what its measures keep for one another."""


class HeldBatches:
    """The linearisations of all batches at one point: the first ones are held while they fit into memory.

    Args:
        problem: Whose batches; `cut` into pieces where that is faster and changes nothing.
        hold: A batch to a linearisation that is worth holding.
        memory: Bytes that everything together may take, the batch in hand included; half of what is free when None.
        hold_any: Whether to hold batches at all.
        ready: What ``hold`` needs once, and what is not part of a batch's size.

    Attributes:
        batch_bytes: What the first linearisation keeps; 0 before it is known.
        planned_bytes: What those of all batches will; 0 where none are held.
        working_bytes: What a product on the first one takes beside it.
        held_bytes: What those that are held keep.
        replays: Whether, on a GPU with all batches held, products are captured after the first `REPLAY_AFTER`; where
            starting kernels is most of what they take when None.
    """

    def __init__(
        self,
        problem: Problem,
        hold: Linearise,
        memory: int | None = None,
        *,
        hold_any: bool = True,
        ready: Callable[[], Any] = lambda: None,
    ) -> None:
        self.problem = problem
        self.memory = default_memory(problem.device) if memory is None else memory
        self.hold_any = hold_any
        self.planned_bytes = self.batch_bytes = self.working_bytes = self.held_bytes = 0
        self.complete = False
        self._parts = OwnParts(problem)
        self._hold, self._ready = hold, ready
        self._unseen = 1.0
        self._held: list[tuple[Linearisation, float]] = []
        self._full = not hold_any
        self._products = 0
        self.replays: bool | None = None
        self.left = self.kept = 0
        self._beside: list[HeldBatches] = []

    @property
    def room(self) -> int:
        """Bytes for graphs: the memory less what is kept for good, at work or left, or held by those beside."""
        return self.memory - self.kept - self._beside_graphs - sum(each.held_bytes for each in self._beside)

    @property
    def _beside_graphs(self) -> int:
        """Bytes that a product takes beside graphs, or that are left to others, among whose vectors are a product's."""
        return max(self.left, self.working_bytes)

    def share_with(self, other: "HeldBatches") -> None:
        """Share one memory with the batches of another operator: who needs it takes the other's graphs away."""
        self._beside.append(other)
        other._beside.append(self)
        self.left, self.kept = other.left, other.kept

    @property
    def sharing(self) -> "tuple[HeldBatches, ...]":
        """These, and those of the operators that share their memory."""
        return self, *self._beside

    def let_go(self) -> None:
        """Let go of all graphs, of those that share this memory too; the next products make them again."""
        for each in self.sharing:
            each._let_go()

    def half(self) -> int:
        """Return half of the memory, for what is no product; graphs that leave less than that are let go of."""
        half = self.memory // 2
        if self.kept + sum(each.held_bytes for each in self.sharing) > self.memory - half:
            self.let_go()
        return half

    def keep_a_part(self) -> None:
        """Keep one of `KEPT_PARTS` of the memory for something else, for good: graphs and plans have the others."""
        self.kept = self.memory // KEPT_PARTS

    def least(self, num_bytes: int) -> int:
        """Return how much memory it takes to have so many bytes beside what is kept."""
        return num_bytes + (num_bytes // (KEPT_PARTS - 1) + 1 if self.kept else 0)

    @property
    def count(self) -> int:
        """How many batches are held."""
        return len(self._held)

    @cached_property
    def _most(self) -> int | None:
        return examples_of_a_piece(self.problem)

    def iterate(self, otherwise: Linearise) -> Iterator[tuple[Linearisation, float]]:
        """Go through (linearisation, share of the examples); ``otherwise`` makes those that are not held."""
        if self.complete:
            self._products += 1
            # of many processes one may have no examples
            if self._held and self._products == REPLAY_AFTER and can_be_replayed(self.problem, self.replays):
                self._replay()
        if self.complete:
            yield from self._held
            return
        # before the loop, which is none in a process without examples: all of them gather sharded parameters for it
        count = 0
        for batch, share, before in self._pieces():
            if count < len(self._held):
                yield self._held[count]
            elif self._full:
                yield otherwise(batch, before), share
            else:
                yield self._try_to_hold(batch, before, share), share
            count += 1
        self.complete = count == len(self._held)

    def look(self, hold: Linearise | None = None) -> None:
        """Linearise the first batch, to know ``batch_bytes`` and ``planned_bytes`` before any product.

        All processes that share the work have to ask. Where no batches are held, one is made for every product all the
        same: ``planned_bytes`` is 0 then.

        Args:
            hold: What to linearise it with instead, where that holds nothing whose size could be read.
        """
        with self.problem.ranks.together():
            if not self.batch_bytes:
                for batch, share, before in itertools.islice(self._pieces(), 1):
                    self._sized(hold or self._hold, batch, before, share)

    def leave(self, num_bytes: int) -> None:
        """Leave so many bytes of the memory to others, such as a basis, from now on; let go of graphs in their way."""
        self.left = num_bytes
        self._make_room()
        if self.held_bytes + (0 if self.planned_bytes <= self.room else self.batch_bytes) > self.room:
            self._let_go()
        # there may be room for more
        self._full = not self.hold_any

    def _make_room(self) -> None:
        if self.planned_bytes > self.room:
            for each in self._beside:
                each._let_go()

    def _replay(self) -> None:
        """Hold all batches again with products that are replayed; where that fails, they are held as they were."""
        replays = Replays(self.problem)
        if not (self.replays or replays.pays(self._held[0][0])):
            return
        count, num_bytes = len(self._held), self.held_bytes
        self._let_go()
        try:
            for batch, share, before in self._pieces():
                made = replays.captured(functools.partial(self._hold, batch, before))
                self._held.append((made, share))
        except RuntimeError:
            # of the device's runtime: a product that waits, for one, cannot be captured
            self._let_go()
            self.replays = False
            return
        self.complete, self.held_bytes, self._products = len(self._held) == count, num_bytes, REPLAY_AFTER

    def _pieces(self) -> Iterator[tuple[Any, float, int]]:
        """Go through (batch, its share of all examples, how many there are before it), as they are held."""
        most = self._most
        return (piece for each in self._parts for piece in cut(*each, most))

    def _let_go(self) -> None:
        self._held.clear()
        self.held_bytes, self.complete, self._full, self._products = 0, False, not self.hold_any, 0

    def _try_to_hold(self, batch: Any, before: int, share: float) -> Linearisation:
        made = self._hold(batch, before) if self.batch_bytes else self._sized(self._hold, batch, before, share)
        if not self._held:
            self._make_room()
            self._refuse_too_little()
        size = round(made.num_bytes * self._unseen)
        # room for this one, and where not all fit for one more that is made and dropped again
        working = 0 if self.planned_bytes <= self.room else size
        if self.held_bytes + size + working <= self.room:
            self._held.append((made, share))
            self.held_bytes += size
        else:
            self._full = True
        return made

    def _sized(self, hold: Linearise, batch: Any, before: int, share: float) -> Linearisation:
        """Linearise the first batch, and see what that keeps, and what a product on it takes."""
        self._ready()
        n, dtype, device = self.problem.num_parameters, self.problem.dtype, self.problem.device
        zeros = self.problem.unflatten(torch.zeros(n, dtype=dtype, device=device))
        with Allocated() as allocated:
            made = hold(batch, before)
            # with what a product keeps that no graph has saved
            self.batch_bytes = max(made.num_bytes, allocated.now)
            made.product(zeros)
        self.working_bytes = allocated.height - self.batch_bytes
        self._unseen = self.batch_bytes / made.num_bytes if made.num_bytes else 1.0
        self.planned_bytes = round(self.batch_bytes / share / self.problem.ranks.count) if self.hold_any else 0
        return made

    def _refuse_too_little(self) -> None:
        if self.batch_bytes > self.room:
            vectors = f", what is at work {megabytes(self._beside_graphs)}" if self._beside_graphs else ""
            needed = self.least(self.batch_bytes + self._beside_graphs)
            least = f"at least {megabytes(needed)}" if needed > self.batch_bytes else "at least that"
            raise ProblemError(
                f"The memory budget of {megabytes(self.memory)} is too small: one batch needs "
                f"{megabytes(self.batch_bytes)}{vectors}. Give {least} (--memory), or smaller batches (--max-batch)."
            )


def default_memory(device: torch.device) -> int:
    """Return half of the bytes that are free on a device."""
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0] // 2
    return (available_memory() or 2**31) // 2


def megabytes(count: int) -> str:
    """Return a number of bytes in words; never less than there are, and exactly what there are below 10 KiB."""
    unit, name = next(
        each for each in ((2**20, "MiB"), (2**10, "KiB"), (1, "bytes")) if count >= 10 * each[0] or each[0] == 1
    )
    return f"{-(-count // unit):,} {name}"
