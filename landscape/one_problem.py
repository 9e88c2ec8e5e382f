"""Whether the processes that share a problem have the same one, seen from a few numbers of each."""

import zlib
from collections import deque
from collections.abc import Iterator, Sequence
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from landscape.batch_structure import content, leaves_of, spread_rows
from landscape.errors import ProblemError
from landscape.ranks import Ranks

_FEW = 32
_RUN = 2**16
_ROUNDING = 1e-5
"""Of the length of a vector, the same on processors that round otherwise."""
_LOSS_ROUNDING = 1e-3

_WORDS = (
    "numbers of examples",
    "numbers of parameters",
    "weights",
    "buffers",
    "first batches",
    "last batches",
    "losses",
)
_COUNTS, _SKETCHES = 2, 4


class _Shared(Protocol):
    """What a `Problem` is here."""

    model: nn.Module
    ranks: Ranks
    num_parameters: int
    batch_norm: str

    @property
    def num_examples(self) -> int: ...

    @property
    def theta(self) -> Tensor: ...

    def unflatten(self, theta: Tensor) -> list[Tensor]: ...

    def batches(self) -> Iterator[tuple[Any, float]]: ...

    def batch_loss(self, parameters: Sequence[Tensor], batch: Any) -> Tensor: ...


def refuse_different(problem: _Shared) -> None:
    """Refuse a problem that is another one in another process: sums over them would be of nothing that anybody has.

    Compared are counts, weights, buffers (running statistics), the first and the last batch, and the loss of a few
    examples, by which its function shows.

    Raises:
        ProblemError: If something differs; the same in all processes.

    Cost:
        A pass through the data, a loss of 32 examples, and a gather; nothing where a process is alone.
    """
    if problem.ranks.count == 1:
        return
    theta, seen = problem.theta, [0.0] * (_COUNTS + 3 * _SKETCHES + 1)
    with problem.ranks.own_work() as own:
        seen = _seen(problem, theta)
    every = problem.ranks.gather(seen, own).cpu()
    for index, words in enumerate(_WORDS):
        differ = [rank for rank, row in enumerate(every) if not _alike(row, every[0], index)]
        if differ:
            values = f" ({every[0, index]:,.0f} and {every[differ[0], index]:,.0f})" if index < _COUNTS else ""
            values = f" ({every[0, -1]:.4g} and {every[differ[0], -1]:.4g})" if index == len(_WORDS) - 1 else values
            raise ProblemError(
                f"The processes do not share one problem: the {words} of process 0 and process {differ[0]} "
                f"differ{values}. Give each the same weights, buffers and examples, all of them in the same order: "
                f"landscape deals them out itself, so leave out a DistributedSampler, and seed what is drawn."
            )


def _seen(problem: _Shared, theta: Tensor) -> list[float]:
    first = next(problem.batches())[0]
    ((last, _),) = deque(problem.batches(), maxlen=1)
    with torch.no_grad():
        loss = float(problem.batch_loss(problem.unflatten(theta), spread_rows(first, _FEW)))
    # statistics that run beside those of the batches enter no loss
    buffers = [*problem.model.buffers()] if problem.batch_norm == "evaluation" else []
    sketches = [number for each in (theta, buffers, first, last) for number in _sketch(each)]
    return [float(problem.num_examples), float(problem.num_parameters), *sketches, loss]


def _alike(row: Tensor, other: Tensor, index: int) -> bool:
    """Return whether two processes agree on what `_WORDS` has at an index."""
    if index < _COUNTS:
        return bool(row[index] == other[index])
    if index == len(_WORDS) - 1:
        return torch.allclose(row[-1], other[-1], rtol=_LOSS_ROUNDING, atol=1e-6, equal_nan=True)
    start = _COUNTS + 3 * (index - _COUNTS)
    (length, projection, code), (of_length, of_projection, of_code) = row[start : start + 3], other[start : start + 3]
    near = _ROUNDING * max(float(length), float(of_length))
    same = [
        torch.allclose(one, another, rtol=0, atol=near, equal_nan=True)
        for one, another in ((length, of_length), (projection, of_projection))
    ]
    return all(same) and bool(code == of_code)


def _sketch(batch: Any) -> tuple[float, float, float]:
    """Return the length of all floating-point numbers in a batch, their sum with random signs, and a code of the rest.

    Two batches that differ by more than rounding have the same sketch once in 100,000 times.
    """
    squared, projection, code = 0.0, 0.0, 0
    for index, leaf in enumerate(leaves_of(content(batch)), start=1):
        if isinstance(leaf, Tensor):
            numbers = (torch.view_as_real(leaf) if leaf.is_complex() else leaf).detach().reshape(-1)
            if numbers.is_floating_point():
                squared += float(torch.linalg.vector_norm(numbers, dtype=torch.float64)) ** 2
                projection += index * float(_signed_sum(numbers, torch.float64))
            else:
                code += index * int(_signed_sum(numbers, torch.int64))
        elif isinstance(leaf, str | int | float):
            code += zlib.crc32(f"{index} {leaf!r}".encode())
    return squared**0.5, projection, float(code % 2**53)


def _signed_sum(numbers: Tensor, dtype: torch.dtype) -> Tensor:
    """Return the sum of numbers, shape ``(n,)``, with signs that are the same everywhere, a run of them at a time."""
    generator = torch.Generator().manual_seed(0)
    signs = (2 * torch.randint(2, (_RUN,), generator=generator) - 1).to(numbers.device, dtype)
    sums = [(each.to(dtype) * signs[: len(each)]).sum() for each in torch.split(numbers, _RUN)]
    if len(sums) < 2:
        return sums[0] if sums else signs.new_zeros(())
    return _signed_sum(torch.stack(sums), dtype)
