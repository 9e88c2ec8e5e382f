"""The live state of a training, copied so that it can be gone back to."""

import copy
from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from landscape.training.run import Run


@dataclass(frozen=True)
class LiveState:
    """Copies, on the device, of all that a step changes: parameters, buffers, averages, optimizer state and shadow."""

    tensors: tuple[Tensor, ...]
    optimizer: Mapping[Hashable, Any]
    groups: tuple[dict[str, Any], ...]


def capture(run: Run) -> LiveState:
    """Return a copy of the live state.

    Pitfalls:
        An optimizer that keeps state elsewhere than in ``state`` and ``param_groups`` is not wholly captured.
    """
    groups = [{key: value for key, value in group.items() if key != "params"} for group in run.optimizer.param_groups]
    return LiveState(
        tuple(each.detach().clone() for each in _tensors(run)),
        {key: copy.deepcopy(value) for key, value in run.optimizer.state.items()},
        tuple(copy.deepcopy(groups)),
    )


def restore(run: Run, state: LiveState) -> None:
    """Put the live state back; the copy may be used again."""
    with torch.no_grad():
        for live, kept in zip(_tensors(run), state.tensors, strict=True):
            live.copy_(kept)
    run.optimizer.state.clear()
    for key, value in state.optimizer.items():
        run.optimizer.state[key] = copy.deepcopy(value)  # type: ignore[index]
    for group, kept_group in zip(run.optimizer.param_groups, state.groups, strict=True):
        group.update(copy.deepcopy(kept_group))


def _tensors(run: Run) -> list[Tensor]:
    shadow = [] if run.shadow is None else [run.shadow]
    averages = [each for average in run.averages for each in average.tensors]
    return [*run.model.parameters(), *run.model.buffers(), *shadow, *averages]
