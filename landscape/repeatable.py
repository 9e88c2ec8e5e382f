"""Whether a second pass through the data gives the same examples, and what to do where it does not."""

import torch
from torch import Tensor

from landscape.batch_structure import Whole, batch_size_of, content, leaves_of
from landscape.batches import Batches
from landscape.errors import ProblemError

_COMPARED = 1024
"""Examples after which a second pass that has been the same so far is believed."""

_FREEZE = "or give freeze_data=True (--freeze-data), which keeps the examples of one pass in memory"


def prepare(batches: Batches, *, freeze: bool, mixing: bool) -> tuple[Batches, list[str]]:
    """Return batches that are the same in every pass, with what is to be said of them.

    Args:
        batches: The user's data.
        freeze: Keep the batches of one pass in memory.
        mixing: Whether the examples of a batch enter each other's losses (BatchNorm with batch statistics): then
            batches that are composed anew are another problem.

    Raises:
        ProblemError: If two passes give different examples.

    Cost:
        A pass through the data, and a second one over the first 1,024 examples; three where they are shuffled.
    """
    if freeze:
        frozen = batches if batches.is_stored else batches.frozen()
        return frozen, [] if batches.is_stored else ["the examples of one pass through the data are held in memory"]
    if batches.is_stored or not batches.can_be_repeated:
        return batches, []
    first = _codes(batches, 1)
    second = _codes(batches, 2, first)
    if _same(first, second):
        return batches, []
    if not torch.equal(torch.cat(first).sort().values, torch.cat(second).sort().values):
        raise ProblemError(
            f"Two passes through the data gave different examples: they are augmented, or drawn anew each time. Turn "
            f"that off for measuring, {_FREEZE}."
        )
    if mixing:
        raise ProblemError(
            f"The data are shuffled, and BatchNorm with batch statistics depends on which examples share a batch. Turn "
            f"shuffling off for measuring, {_FREEZE}."
        )
    if not _same(first, _codes(batches, 1)):
        raise ProblemError(
            f"The data come in another order in every pass, and seeding does not hold it. Turn shuffling off for "
            f"measuring, {_FREEZE}."
        )
    return batches, ["the data are shuffled; every pass here takes the same order"]


def _same(first: list[Tensor], second: list[Tensor]) -> bool:
    """Return whether a pass is the same as another as far as it went."""
    return all(torch.equal(a, b) for a, b in zip(first, second, strict=False)) and len(second) <= len(first)


def _codes(batches: Batches, seed: int, like: list[Tensor] | None = None) -> list[Tensor]:
    """Return one whole number an example and batch; stops early while all are as in ``like``."""
    found: list[Tensor] = []
    count, same = 0, like is not None
    for index, batch in enumerate(batches.drawn(seed)):
        found.append(_code(batch))
        count += len(found[-1])
        same = same and like is not None and index < len(like) and torch.equal(found[-1], like[index])
        if same and count >= _COMPARED:
            break
    return found


def _code(batch: object) -> Tensor:
    """Return a number an example that another example all but never has, int64 of shape ``(B,)``."""
    whole = isinstance(batch, Whole)
    size = 1 if whole else batch_size_of(batch)
    total = torch.zeros(size, dtype=torch.int64)
    for index, leaf in enumerate(leaves_of(content(batch))):
        if isinstance(leaf, Tensor):
            own = not whole and leaf.ndim > 0 and len(leaf) == size
            rows = leaf.detach().cpu().reshape(size if own else 1, -1)
            total += (2 * index + 1) * _row_codes(rows)
        elif isinstance(leaf, str | int | float):
            total += hash((index, leaf))
    return total


def _row_codes(rows: Tensor) -> Tensor:
    """Return one number a row, from the bits of its elements: the same in whatever batch the row stands."""
    integers = {1: torch.uint8, 2: torch.int16, 4: torch.int32, 8: torch.int64}
    if rows.is_complex():
        rows = torch.view_as_real(rows).flatten(1)
    bits = rows.contiguous().view(integers[rows.element_size()]).to(torch.int64)
    factors = torch.arange(1, bits.shape[1] + 1) * 0x1E3779B97F4A7C15
    return (bits * factors).sum(1)
