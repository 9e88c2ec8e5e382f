"""The edge of stability of an optimizer at its coming step, or why there is none."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from landscape.tracking.thresholds import clip_factor, sharpness_aware_curvature, stable_curvature
from landscape.training.linear_step import LinearStep
from landscape.training.optimizer_definition import OptimizerDefinition, optimizer_definition


@dataclass(frozen=True)
class Edge:
    r"""Where a step stops being stable.

    Attributes:
        value: The threshold; None where theory has none.
        preconditioned: Whether it speaks of the preconditioned Hessian rather than of the Hessian.
        weight_decay: What is added to the Hessian before it is preconditioned (coupled weight decay, over the clip
            factor); 0 otherwise, where the threshold itself is shifted.
        note: What it rests on; or why there is none, as a sentence.
    """

    value: float | None
    preconditioned: bool
    weight_decay: float
    note: str


def edge_of_stability(
    name: str,
    options: Mapping[str, Any],
    lr: float,
    *,
    step: int,
    gradient_norm: float,
    clip_norm: float | None = None,
) -> Edge:
    r"""Return the threshold of one step of an optimizer.

    With the step's learning rate (schedules), the factor s that clipping multiplies the gradient by, and coupled
    weight decay w: $s\lambda + w$ must stay below what the optimizer bears (see `stable_curvature`).

    Args:
        name: The optimizer, as the registry knows it.
        options: Every option with its value.
        lr: Learning rate of the step.
        step: Its number; 1 is the first.
        gradient_norm: Norm of its gradient, before clipping.
        clip_norm: Norm to which it is clipped.

    Example:
        >>> options = {"momentum": 0.9, "nesterov": False, "dampening": 0, "weight_decay": 0}
        >>> edge_of_stability("sgd", options, 0.1, step=1, gradient_norm=1.0).value
        38.0
    """
    definition, wrapped = optimizer_definition(name), False
    reason = definition.unstable
    if definition.wraps and not reason:
        definition, wrapped = optimizer_definition(str(options[definition.wraps])), True
        reason = _why_not_around(definition, str(options["base"]), gradient_norm, clip_norm)
    if reason or definition.linear_step is None:
        preconditioned = definition.diagonal is not None and not wrapped
        return Edge(None, preconditioned, 0.0, reason or f"The edge of stability of {name} is not known here.")
    linear = definition.linear_step(options, lr, step)
    factor = clip_factor(gradient_norm, clip_norm)
    note = _note(definition, linear, factor)
    if definition.diagonal is not None:
        return Edge(stable_curvature(linear) / factor, True, linear.weight_decay / factor, note)
    limit = (stable_curvature(linear) - linear.weight_decay) / factor
    if wrapped:
        radius = options["rho"] / gradient_norm if options["normalize"] else options["rho"]
        limit = sharpness_aware_curvature(limit, radius)
        note = f"{note}; along the gradient taken higher up"
    return Edge(limit, False, 0.0, note)


def _why_not_around(base: OptimizerDefinition, name: str, gradient_norm: float, clip_norm: float | None) -> str:
    """Return why SAM around this optimizer has no threshold at this step, or ""."""
    if base.unstable:
        return base.unstable
    if base.diagonal is not None:
        return f"SAM around {name} has no known edge: its way up and the preconditioner do not commute."
    if clip_factor(gradient_norm, clip_norm) < 1:
        return "SAM with a clipped gradient has no known edge: the norm of the second gradient is not known beforehand."
    return "" if gradient_norm > 0 else "The gradient is zero, so the way up of SAM has no direction."


def _note(definition: OptimizerDefinition, step: LinearStep, factor: float) -> str:
    parts = ["of the preconditioned Hessian" if definition.diagonal is not None else "of the Hessian"]
    if step.weight_decay:
        parts.append("with weight decay" if definition.diagonal is not None else "less the weight decay")
    if step.keep != 1:
        parts.append("with decoupled weight decay")
    if factor < 1:
        parts.append("with this step clipped")
    return ", ".join(parts)
