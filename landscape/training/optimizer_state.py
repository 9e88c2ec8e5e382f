"""The state of an optimizer at one point, as flat vectors over the trainable parameters."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from landscape.errors import StorageError
from landscape.minimum import SecondMoment
from landscape.training.optimizer_definition import optimizer_definition

SHADOW = "shadow_exp_avg_sq"
SHADOW_BETA2 = 0.999
SHADOW_EPS = 1e-8
"""Adam's own defaults, so that its preconditioner means the same along every optimizer's trajectory."""


@dataclass(frozen=True)
class OptimizerState:
    """What an optimizer knew at one point of training.

    Args:
        name: The optimizer, as the registry knows it.
        options: Every option with its value.
        lr: Learning rate of the last step taken.
        step: Number of gradients absorbed.
        tensors: Name of a state such as ``exp_avg`` to a vector of shape ``(n,)`` on the CPU, over the
            trainable parameters in the order of ``named_parameters()``. ``shadow_exp_avg_sq`` is not the
            optimizer's: it is the second moment that Adam (beta2 0.999) would have had along this trajectory.
    """

    name: str
    options: Mapping[str, Any]
    lr: float
    step: int
    tensors: Mapping[str, Tensor]


def second_moment(state: OptimizerState) -> SecondMoment | None:
    r"""Return the second moment that a preconditioner at this point is made of, or None before the first step.

    Adam's, AdamW's and RMSProp's is their own; beside every other optimizer one is kept as Adam would have.

    Pitfalls:
        The shadow is made of the mini-batch gradients as the optimizer got them, after clipping. Adam's own v
        also holds its coupled weight decay (it averages the squares of $g + \lambda\theta$); the shadow does not.
        v has absorbed the gradients up to the point *before* the last step, not the one at this point.

    Raises:
        StorageError: If an option was saved that is no number.
    """
    if not state.step:
        return None
    if SHADOW in state.tensors:
        return SecondMoment(
            value=state.tensors[SHADOW],
            step=state.step,
            beta2=SHADOW_BETA2,
            eps=SHADOW_EPS,
            source=f"kept beside {state.name} with Adam's defaults",
        )
    keys = optimizer_definition(state.name).second_moment
    if keys is None or keys.tensor not in state.tensors:
        return None
    return SecondMoment(
        value=state.tensors[keys.tensor],
        step=state.step if keys.bias_correction else 0,
        beta2=_option(state, keys.decay),
        eps=_option(state, "eps"),
        source=f"{keys.tensor} of {state.name}",
        weight_decay=0.0 if state.name == "adamw" else _option(state, "weight_decay", 0.0),
    )


def _option(state: OptimizerState, name: str, default: float | None = None) -> float:
    """Return an option as a number, of several the last; what was saved may come out of a damaged file."""
    value = state.options.get(name, default)
    last = value[-1] if isinstance(value, list | tuple) and value else value
    if isinstance(last, bool) or not isinstance(last, int | float):
        raise StorageError(f"The state of {state.name} was saved with {name} = {value!r}. Train the run again.")
    return float(last)


def flat_tensors(optimizer: torch.optim.Optimizer, parameters: Sequence[Tensor]) -> dict[str, Tensor]:
    """Return each state that is shaped like its parameter as a new vector of shape ``(n,)`` on the CPU.

    Where a parameter has none yet (it never got a gradient), its part is zero. States of other shapes
    (factored moments, counters) are left out.
    """
    states = [optimizer.state.get(each, {}) for each in parameters]
    names = {
        name
        for each, state in zip(parameters, states, strict=True)
        for name, value in state.items()
        if name != "step" and isinstance(value, Tensor) and value.shape == each.shape
    }
    return {
        name: torch.cat([_part(state.get(name), each) for each, state in zip(parameters, states, strict=True)])
        for name in sorted(names)
    }


def state_bytes(optimizer: torch.optim.Optimizer) -> int:
    """Return the memory of all tensors in the optimizer's state."""
    return _bytes_in(list(optimizer.state.values()))


def _bytes_in(value: Any) -> int:
    if isinstance(value, Tensor):
        return value.nbytes
    if isinstance(value, Mapping):
        return sum(_bytes_in(each) for each in value.values())
    return sum(_bytes_in(each) for each in value) if isinstance(value, list | tuple) else 0


def _part(value: Any, parameter: Tensor) -> Tensor:
    if isinstance(value, Tensor) and value.shape == parameter.shape:
        return value.detach().flatten().to("cpu", copy=True)
    return torch.zeros(parameter.numel(), dtype=parameter.dtype)
