"""The state of every global source of random numbers: taken, put back, and seeded for a while."""

import contextlib
import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor


@dataclass(frozen=True)
class RandomState:
    """Where Python's, numpy's and torch's generators stand, with some generators of the user's own.

    Attributes:
        python: As ``random.getstate`` gives it.
        numpy: As ``numpy.random.get_state`` gives it.
        cpu: Of torch on the CPU.
        devices: Of every CUDA device, where CUDA is in use.
        own: Generators and their states.
    """

    python: Any
    numpy: Any
    cpu: Tensor
    devices: tuple[Tensor, ...]
    own: tuple[tuple[torch.Generator, Tensor], ...]

    @staticmethod
    def now(own: Sequence[torch.Generator] = ()) -> "RandomState":
        """Return the present state."""
        return RandomState(
            random.getstate(),
            np.random.get_state(),
            torch.get_rng_state(),
            tuple(torch.cuda.get_rng_state_all()) if _cuda_in_use() else (),
            tuple((each, each.get_state()) for each in own),
        )

    def is_now(self) -> bool:
        """Return whether nobody has drawn since."""
        now = RandomState.now()
        same = torch.equal(self.cpu, now.cpu) and all(map(torch.equal, self.devices, now.devices))
        numpy = self.numpy[2] == now.numpy[2] and np.array_equal(self.numpy[1], now.numpy[1])
        return same and numpy and self.python == now.python

    def put_back(self) -> None:
        """Make this the present state."""
        random.setstate(self.python)
        np.random.set_state(self.numpy)
        torch.set_rng_state(self.cpu)
        if self.devices:
            torch.cuda.set_rng_state_all(list(self.devices))
        for generator, state in self.own:
            generator.set_state(state)


@contextlib.contextmanager
def kept_random_state() -> Iterator[None]:
    """Put every global generator back on leaving."""
    before = RandomState.now()
    try:
        yield
    finally:
        before.put_back()


@contextlib.contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Seed every global generator; on leaving they stand where they stood."""
    with kept_random_state():
        seed_everything(seed)
        yield


def seed_everything(seed: int, own: Sequence[torch.Generator] = ()) -> None:
    """Seed every generator; CUDA's only where it is in use, so that it is not started."""
    random.seed(seed)
    np.random.seed(seed % 2**32)
    torch.default_generator.manual_seed(seed)
    if _cuda_in_use():
        torch.cuda.manual_seed_all(seed)
    for generator in own:
        generator.manual_seed(seed)


def _cuda_in_use() -> bool:
    return bool(torch.cuda.is_initialized())  # type: ignore[no-untyped-call]


def seeded_pass(source: Iterable[Any], seed: int) -> Iterator[Any]:
    """Go through a source with generators of its own stream; outside of it they stand where they stood."""
    generators = _generators_of(source)
    outside = RandomState.now(generators)
    seed_everything(seed, generators)
    inside = RandomState.now(generators)
    outside.put_back()
    iterator: Iterator[Any] | None = None
    while True:
        outside = RandomState.now(generators)
        inside.put_back()
        try:
            iterator = iter(source) if iterator is None else iterator
            batch = next(iterator)
        except StopIteration:
            return
        finally:
            inside = RandomState.now(generators)
            outside.put_back()
        yield batch


def _generators_of(source: Any) -> list[torch.Generator]:
    """Return the generators that a loader and its samplers draw from, each once."""
    batched = getattr(source, "batch_sampler", None)
    holders = [source, getattr(source, "sampler", None), batched, getattr(batched, "sampler", None)]
    found = [getattr(each, "generator", None) for each in holders]
    return list({id(each): each for each in found if isinstance(each, torch.Generator)}.values())
