"""Products of small networks on a GPU as captured graphs: there most of a product's time goes into starting kernels."""

import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor

from landscape.operators.linearisation import Linearisation
from landscape.problem import Problem
from landscape.randomness import derive_seed

REPLAY_AFTER = 8
"""Products on held batches after which they are captured, which takes about as long as three."""

_STARTING = 0.7
"""Share of a product's time after which its last kernel is started, from which on starting them is what takes it."""

_LONG = 0.1
"""Seconds of a product that is not captured: a program that is ahead of a GPU by a thousand kernels waits as well."""


class Replays:
    """Turns linearisations into ones whose product is a replay: the same kernels in the same order, started at once.

    All of one operator share the memory of what is in between, so a result is copied before the next replay.

    Args:
        problem: Whose products, on a GPU.
    """

    def __init__(self, problem: Problem) -> None:
        self._problem = problem
        self._stream = torch.cuda.Stream(problem.device)  # type: ignore[no-untyped-call]
        self._pool = torch.cuda.graph_pool_handle()
        self._v = problem.unflatten(torch.zeros_like(_probe(problem)))

    def pays(self, made: Linearisation) -> bool:
        """Return whether the program is busy with starting kernels for most of a product."""
        torch.cuda.synchronize(self._problem.device)
        begun = time.perf_counter()
        made.product(self._v)
        started = time.perf_counter() - begun
        torch.cuda.synchronize(self._problem.device)
        done = time.perf_counter() - begun
        return done <= _LONG and started >= _STARTING * done

    def captured(self, linearise: Callable[[], Linearisation]) -> Linearisation:
        """Return a linearisation with its product captured.

        Args:
            linearise: Makes it; called where it is captured, for backward passes run on the stream of their forward
                pass.

        Raises:
            RuntimeError: If the product waits for the device, or a replay gives something else.
        """
        problem, current = self._problem, torch.cuda.current_stream(self._problem.device)
        self._stream.wait_stream(current)
        probe = problem.unflatten(_probe(problem))
        with torch.cuda.stream(self._stream):
            made = linearise()
            torch._foreach_copy_(self._v, probe)
            # sets up on this stream what is set up once
            with _no_waits():
                expected = made.product(self._v)
        current.wait_stream(self._stream)
        graph = torch.cuda.CUDAGraph()
        with _generator_kept(problem.device), torch.cuda.graph(graph, pool=self._pool, stream=self._stream):
            result = made.product(self._v)
        product = _Replay(graph, self._v, result, made)
        difference = (product(probe) - expected).norm()
        if not bool(difference <= 1000 * torch.finfo(problem.dtype).eps * expected.norm()):
            raise RuntimeError(f"replayed, the product differs by {float(difference):.2g}")
        return Linearisation(product, made.num_bytes)


@dataclass(frozen=True)
class _Replay:
    """A captured product, with where it reads v and writes its result, and what holds the tensors that it reads."""

    graph: torch.cuda.CUDAGraph
    v: list[Tensor]
    result: Tensor
    made: Linearisation

    def __call__(self, v: Sequence[Tensor]) -> Tensor:
        torch._foreach_copy_(self.v, list(v))
        self.graph.replay()
        return self.result.clone()


@contextmanager
def _no_waits() -> Iterator[None]:
    """While entered, raise what PyTorch knows to wait for the device: a capture that fails leaves things behind."""
    before = torch.cuda.get_sync_debug_mode()
    with warnings.catch_warnings():
        # that the mode is a prototype
        warnings.simplefilter("ignore")
        torch.cuda.set_sync_debug_mode("error")
        try:
            yield
        finally:
            torch.cuda.set_sync_debug_mode(before)


@contextmanager
def _generator_kept(device: torch.device) -> Iterator[None]:
    """Give the device's generator its state again where a capture fails: it would refuse to draw ever after."""
    index = torch.cuda.current_device() if device.index is None else device.index
    generator = torch.cuda.default_generators[index]
    state = generator.clone_state()
    try:
        yield
    except RuntimeError:
        generator.graphsafe_set_state(state)
        raise


def can_be_replayed(problem: Problem, replays: bool | None) -> bool:
    """Return whether products are to be captured here and now; not while someone captures them already."""
    on_gpu = problem.device.type == "cuda" and replays is not False
    return on_gpu and not torch.cuda.is_current_stream_capturing()


def _probe(problem: Problem) -> Tensor:
    generator = torch.Generator().manual_seed(derive_seed(0, "probe of a replay"))
    v = torch.randn(problem.num_parameters, generator=generator, dtype=torch.float64)
    return v.to(problem.device, problem.dtype)
