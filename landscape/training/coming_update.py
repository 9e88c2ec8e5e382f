"""The step that an optimizer would take next, from its saved state."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from landscape.minimum import UpdateRule
from landscape.training.optimizer_definition import build_optimizer
from landscape.training.optimizer_state import OptimizerState


@dataclass(frozen=True)
class _Kept:
    """What an optimizer keeps for a parameter: vectors by name, and whether it counts its steps."""

    names: frozenset[str]
    counts: bool


def coming_update(state: OptimizerState, theta: Tensor, shapes: Sequence[torch.Size]) -> UpdateRule | None:
    r"""Return the update u of the coming step $\theta + u$ as a function of the gradient, or None.

    The optimizer itself takes the step, in float64 on the CPU, with the moments, options and learning rate that were
    saved. None before the first step, and for an optimizer whose state is more than vectors over the parameters and a
    count of steps (NAdam, Adafactor), or whose step needs a loss to evaluate (SAM): that cannot be repeated.

    Args:
        state: What was saved.
        theta: The point, shape ``(n,)``.
        shapes: Of the parameters, in the order of the vector's parts.

    Pitfalls:
        The learning rate is that of the last step taken. Clipping of gradients is not part of the state and left out.
    """
    kept = _kept(state) if state.step else None
    if kept is None:
        return None
    sizes = [shape.numel() for shape in shapes]

    def split(vector: Tensor) -> list[Tensor]:
        parts = torch.split(vector.detach().cpu().double(), sizes)
        return [part.view(shape).clone() for part, shape in zip(parts, shapes, strict=True)]

    def rule(gradient: Tensor) -> Tensor:
        parameters = [torch.nn.Parameter(part) for part in split(theta)]
        optimizer = build_optimizer(state.name, parameters, state.lr, state.options)
        moments = {name: split(state.tensors[name]) for name in kept.names}
        for index, (parameter, own) in enumerate(zip(parameters, split(gradient), strict=True)):
            parameter.grad = own
            optimizer.state[parameter].update({name: parts[index] for name, parts in moments.items()})
            if kept.counts:
                optimizer.state[parameter]["step"] = torch.tensor(float(state.step))
        optimizer.step()
        after = torch.cat([each.detach().reshape(-1) for each in parameters])
        return (after - theta.detach().cpu().double()).to(gradient.device)

    return UpdateRule(rule, f"the coming step of {state.name}")


def _kept(state: OptimizerState) -> _Kept | None:
    """Return what the optimizer keeps, seen after one step of one parameter; None where more than that was saved."""
    parameter = torch.nn.Parameter(torch.ones(2, 3, dtype=torch.float64))
    parameter.grad = torch.ones_like(parameter)
    optimizer = build_optimizer(state.name, [parameter], state.lr, state.options)
    try:
        optimizer.step()
    except TypeError:
        return None  # it wants a closure
    found = {name: each for name, each in optimizer.state[parameter].items() if each is not None}
    vectors = {name for name, each in found.items() if isinstance(each, Tensor) and each.shape == parameter.shape}
    if found.keys() - vectors - {"step"} or vectors - state.tensors.keys():
        return None
    return _Kept(frozenset(vectors), "step" in found)
