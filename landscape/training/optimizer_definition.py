"""What a registered optimizer is, and how one is built from a name and options."""

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from landscape.errors import UsageError
from landscape.registry import optimizers
from landscape.training.closure import needs_closure
from landscape.training.linear_step import LinearStep
from landscape.training.optimizer_options import check_choices, check_ranges, option_names, parse_optimizer_options
from landscape.training.search_range import SearchRange

SHARE = (0.0, 1.0)
NON_NEGATIVE = (0.0, math.inf)
POSITIVE_COUNT = (1, math.inf)
"""Ranges of options: the lowest allowed and the first forbidden value."""


@dataclass(frozen=True)
class MomentKeys:
    """Where an optimizer keeps its second moment: key in its state, option with its decay, corrected or not."""

    tensor: str
    decay: str
    bias_correction: bool


@dataclass(frozen=True)
class OptimizerDefinition:
    """One optimizer that a user can name.

    Args:
        build: ``build(parameters, lr=..., **options)`` gives the optimizer; mostly its class.
        options: Names of the options that are offered; None offers all of the signature of ``build``.
        defaults: What differs here from the defaults of the signature; an explicit option wins.
        ranges: Lowest allowed and first forbidden value of an option, where ``build`` itself lets more pass.
        choices: Words (or None) that an option can be, where ``build`` itself lets more pass.
        second_moment: Where it keeps the moving mean of squared gradients, if it has one.
        elementwise: Whether every number of a parameter steps by itself, so that the parameters of several runs can
            step as one tensor.
        fused: Whether ``build`` takes ``fused=True`` on CPU and CUDA (one kernel instead of ten a tensor).
        wraps: Option that names another optimizer, whose options are taken too.
        full_batch: Whether it makes sense with the full batch only.
        linear_step: (options, learning rate, number of the coming step) to what that step does on a quadratic.
        diagonal: The diagonal preconditioner of a step, see `landscape.training.preconditioners`.
        unstable: Why there is no ``linear_step``, as a sentence.
        search: What ``--tune`` draws: parameter (``lr``, an option, ``beta1`` or ``beta2``) to its range. Around
            another optimizer, that one's ranges are drawn too.
    """

    build: Callable[..., torch.optim.Optimizer]
    options: tuple[str, ...] | None = None
    defaults: Mapping[str, Any] = field(default_factory=dict)
    ranges: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    choices: Mapping[str, tuple[str | None, ...]] = field(default_factory=dict)
    second_moment: MomentKeys | None = None
    elementwise: bool = False
    fused: bool = False
    wraps: str = ""
    full_batch: bool = False
    linear_step: Callable[[Mapping[str, Any], float, int], LinearStep] | None = None
    diagonal: Callable[[Mapping[str, Any], int, Mapping[str, Tensor]], Tensor] | None = None
    unstable: str = ""
    search: Mapping[str, SearchRange] = field(default_factory=dict)


def optimizer_definition(name: str) -> OptimizerDefinition:
    """Return what a registered name, ``torch:NAME``, ``module:attribute`` or ``file.py:Class`` stands for.

    Raises:
        UsageError: If there is no such optimizer, or it is nothing that builds one.
    """
    value = optimizers[name].value
    if isinstance(value, OptimizerDefinition):
        return value
    if not callable(value):
        raise UsageError(
            f"{name} is no optimizer: it is a {type(value).__name__}. "
            f"Name a subclass of torch.optim.Optimizer, or a function of (parameters, lr, ...) that returns one."
        )
    return OptimizerDefinition(build=value)


def resolve_options(name: str, lr: float, options: Mapping[str, Any]) -> dict[str, Any]:
    """Return every option of an optimizer with its value, given ones parsed, after a trial step.

    Raises:
        UsageError: If an option is unknown, of the wrong type, out of range, or refused by the optimizer.
    """
    definition = optimizer_definition(name)
    given = {**definition.defaults, **options}
    others = {}
    if definition.wraps:
        own = option_names(definition.build)
        others = {key: value for key, value in given.items() if key not in own}
        given = {key: value for key, value in given.items() if key in own}
    resolved = parse_optimizer_options(name, definition.build, definition.options, given)
    check_ranges(name, resolved, definition.ranges)
    check_choices(name, resolved, definition.choices)
    if definition.wraps:
        resolved |= _wrapped_options(name, resolved[definition.wraps], lr, others)
    _try_step(name, definition, lr, resolved)
    return resolved


def build_optimizer(
    name: str, parameters: Iterable[Tensor], lr: float, options: Mapping[str, Any]
) -> torch.optim.Optimizer:
    """Return the optimizer over the parameters, in its fastest exact form on their device.

    Args:
        name: What the registry knows.
        parameters: Trainable parameters, all on one device.
        lr: Learning rate of the first step.
        options: As `resolve_options` returns them.
    """
    definition, parameters = optimizer_definition(name), list(parameters)
    fused = definition.fused and all(p.device.type in {"cpu", "cuda"} for p in parameters)
    return _build(name, definition, parameters, lr, {**options, "fused": True} if fused else options)


def _wrapped_options(name: str, base: str, lr: float, options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options of the optimizer that another one is wrapped around."""
    definition = optimizer_definition(base)
    if definition.wraps or definition.full_batch:
        raise UsageError(f"{name} goes around an optimizer that takes one gradient a step, not around {base!r}.")
    try:
        return resolve_options(base, lr, options)
    except UsageError as error:
        own = ", ".join(option_names(optimizer_definition(name).build))
        raise UsageError(f"{error} (Options of {name} itself: {own}; all others are those of its base.)") from error


def _try_step(name: str, definition: OptimizerDefinition, lr: float, options: Mapping[str, Any]) -> None:
    """Refuse what cannot take a step: SparseAdam wants sparse gradients."""
    # two dimensions, since torch.optim.Muon takes nothing else
    parameter = torch.zeros(1, 1, requires_grad=True)
    optimizer = _build(name, definition, [parameter], lr, options)
    parameter.grad = torch.ones_like(parameter)
    try:
        if needs_closure(optimizer):
            optimizer.step(lambda: 1.0)
        else:
            optimizer.step()
    except Exception as error:
        raise UsageError(
            f"The optimizer {name!r} cannot be used here: its step raised {type(error).__name__}: {error}"
        ) from error


def _build(
    name: str,
    definition: OptimizerDefinition,
    parameters: list[Tensor],
    lr: float,
    options: Mapping[str, Any],
) -> torch.optim.Optimizer:
    try:
        optimizer = definition.build(parameters, lr=lr, **options)
    except (TypeError, ValueError, RuntimeError) as error:
        raise UsageError(f"The optimizer {name!r} refuses these options: {error}") from error
    if not isinstance(optimizer, torch.optim.Optimizer):
        raise UsageError(f"{name} gave a {type(optimizer).__name__}, not a torch.optim.Optimizer.")
    return optimizer
