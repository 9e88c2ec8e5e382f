"""Steps of several runs at once, as those of one batched model."""

import copy
import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call, vmap

from landscape.training.evaluation import blamed_on_user, chunks
from landscape.training.optimizer_definition import build_optimizer
from landscape.training.optimizer_state import SHADOW_BETA2
from landscape.training.run import Run, data_order

COUNTERS = {"step", "mu_product"}
"""State of an optimizer that is one number whatever the parameter's shape: the same in runs that are equally far."""

STEPPED = {"model", "loss", "config", "parameters", "optimizer", "learning_rates", "train", "test", "classes"}
STEPPED |= {"shadow", "norms"}
"""Fields of a run that steps taken together go on with, or leave alone; a run that has others steps alone."""


@dataclass(frozen=True)
class Stack:
    """Copies of what the steps of several runs change, stacked; the runs themselves stand still meanwhile.

    Args:
        runs: Of one architecture, one optimizer with one set of options, and the same data, equally far; those of one
            learning rate next to each other.
        parameters: By name, shape ``(runs, *shape)``, with gradients.
        constants: Buffers and frozen parameters, likewise.
        optimizers: For the runs of each learning rate one, over views of ``parameters``.
        norms: See `Run`, shape ``(runs,)``.
        shadow: See `Run`, shape ``(runs, n)``.
    """

    runs: tuple[Run, ...]
    parameters: Mapping[str, Tensor]
    constants: Mapping[str, Tensor]
    optimizers: tuple[tuple[slice, torch.optim.Optimizer], ...]
    norms: Tensor
    shadow: Tensor | None


def take_steps_together(runs: Sequence[Run], first: int, last: int) -> None:
    """Take the steps from ``first`` to ``last`` of every run, which come out as if each had been stepped alone.

    They agree to rounding. A run's own numbers do not depend on which other runs there are, where the device's
    batched products do not.

    Args:
        runs: Two or more, of one architecture, optimizer and data; the optimizer is elementwise and the model changes
            no buffers and draws no numbers (see `landscape.training.population.why_not_together`).
        first: Steps that each has taken.
        last: Steps that each will have taken.

    Raises:
        ProblemError: If the model or its loss raises.
    """
    stack = stacked(sorted(runs, key=lambda run: run.config.lr))
    losses = batched_loss(stack.runs[0])
    with blamed_on_user("training"):
        for step, (x, y) in zip(range(first, last), _batches(stack, first), strict=False):
            leave_gradients(stack, losses, x, y)
            _clip_and_record(stack)
            _step(stack, step)
    _put_back(stack)


def stacked(runs: Sequence[Run]) -> Stack:
    """Return the parameters, buffers and optimizer states of runs that are next to each other by learning rate."""
    models = [run.model for run in runs]
    names = [name for name, each in models[0].named_parameters() if each.requires_grad]
    own = [dict(model.named_parameters()) for model in models]
    others = [{**parameters, **dict(model.named_buffers())} for parameters, model in zip(own, models, strict=True)]
    parameters = {name: _stacked([each[name] for each in own]).requires_grad_() for name in names}
    constants = {name: _stacked([each[name] for each in others]) for name in others[0] if name not in parameters}
    shadows = [run.shadow for run in runs if run.shadow is not None]
    return Stack(
        tuple(runs),
        parameters,
        constants,
        tuple(_optimizers(runs, list(parameters.values()))),
        _stacked([run.norms for run in runs]),
        _stacked(shadows) if shadows else None,
    )


def batched_loss(run: Run) -> Callable[..., Tensor]:
    """Return the function (parameters, constants, x, y) to the loss of each run, shape ``(runs,)``."""

    def one(parameters: Mapping[str, Tensor], constants: Mapping[str, Tensor], x: Tensor, y: Tensor) -> Tensor:
        run.model.train()
        outputs = functional_call(run.model, {**parameters, **constants}, (x,))
        return run.loss(outputs, y).reshape(())

    return vmap(one)


def leave_gradients(stack: Stack, losses: Callable[..., Tensor], x: Tensor, y: Tensor) -> None:
    """Leave the gradient of each run's mean loss over its batch on the stacked parameters.

    Args:
        stack: The runs.
        losses: What `batched_loss` gave.
        x: Inputs of each run's batch, shape ``(runs, examples, ...)``.
        y: Targets, likewise.
    """
    for parameter in stack.parameters.values():
        parameter.grad = None
    count, most = x.shape[1], stack.runs[0].config.max_batch
    for inputs, targets in chunks((x.transpose(0, 1), y.transpose(0, 1)), most):
        inputs, targets = inputs.transpose(0, 1), targets.transpose(0, 1)
        total = losses(stack.parameters, stack.constants, inputs, targets).sum()
        # the sum's gradient with respect to a run's parameters is that of its own loss
        (total * (inputs.shape[1] / count)).backward()  # type: ignore[no-untyped-call]


def _batches(stack: Stack, first: int) -> Iterator[tuple[Tensor, Tensor]]:
    """Go through the batches of all runs from a step on, without end."""
    run, count = stack.runs[0], len(stack.runs)
    x, y = run.train
    if run.steps_per_epoch == 1:
        yield from itertools.repeat((x.expand(count, *x.shape), y.expand(count, *y.shape)))
    start, done = divmod(first, run.steps_per_epoch)
    for epoch in itertools.count(start):
        order = torch.stack([data_order(each, epoch) for each in stack.runs])
        for rows in torch.split(order, run.batch_size, dim=1)[done:]:
            flat = rows.reshape(-1)
            yield (
                x.index_select(0, flat).view(*rows.shape, *x.shape[1:]),
                y.index_select(0, flat).view(*rows.shape, *y.shape[1:]),
            )
        done = 0


def _clip_and_record(stack: Stack) -> None:
    """Clip each run's gradient, add its norm before that to the sum of norms, and the gradient to the shadow."""
    gradients = [gradient_of(each) for each in stack.parameters.values()]
    flat = torch.cat([each.reshape(len(stack.runs), -1) for each in gradients], dim=1)
    norms = torch.linalg.vector_norm(flat, dim=1)
    stack.norms.add_(norms)
    most = stack.runs[0].config.clip_norm
    if most is not None:
        # as torch's clip_grad_norm_
        factors = (most / (norms + 1e-6)).clamp(max=1.0)
        for each in gradients:
            each.mul_(factors.view(-1, *[1] * (each.ndim - 1)))
        flat *= factors[:, None]
    if stack.shadow is not None:
        stack.shadow.mul_(SHADOW_BETA2).addcmul_(flat, flat, value=1 - SHADOW_BETA2)


def gradient_of(parameter: Tensor) -> Tensor:
    """Return the gradient, zero where the loss does not depend on the parameter."""
    if parameter.grad is None:
        parameter.grad = torch.zeros_like(parameter)
    return parameter.grad


def _step(stack: Stack, step: int) -> None:
    for members, optimizer in stack.optimizers:
        (group,) = optimizer.param_groups
        group["lr"] = stack.runs[members.start].learning_rates[step]
        for view, whole in zip(group["params"], stack.parameters.values(), strict=True):
            view.grad = None if whole.grad is None else whole.grad[members]
        optimizer.step()


def _optimizers(runs: Sequence[Run], parameters: Sequence[Tensor]) -> Iterator[tuple[slice, torch.optim.Optimizer]]:
    first = 0
    for lr, group in itertools.groupby(runs, key=lambda run: run.config.lr):
        sharing = list(group)
        members = slice(first, first + len(sharing))
        views = [nn.Parameter(each.detach()[members]) for each in parameters]
        config = sharing[0].config
        optimizer = build_optimizer(config.optimizer, views, lr, config.optimizer_options)
        for index, view in enumerate(views):
            states = [run.optimizer.state.get(run.parameters[index], {}) for run in sharing]
            optimizer.state[view] = {key: _merged(key, [each[key] for each in states]) for key in states[0]}
        yield members, optimizer
        first = members.stop


def _merged(key: str, values: Sequence[Any]) -> Any:
    """Return a state of several runs as one of all: stacked, or the one that they share."""
    shaped = isinstance(values[0], Tensor) and key not in COUNTERS
    return _stacked(values) if shaped else copy.deepcopy(values[0])


def _put_back(stack: Stack) -> None:
    """Copy what the steps have changed into the runs."""
    with torch.no_grad():
        for index, run in enumerate(stack.runs):
            for own, whole in zip(run.parameters, stack.parameters.values(), strict=True):
                own.copy_(whole[index])
            run.norms.copy_(stack.norms[index])
            if run.shadow is not None and stack.shadow is not None:
                run.shadow.copy_(stack.shadow[index])
    for members, optimizer in stack.optimizers:
        for place, run in enumerate(stack.runs[members]):
            for own, view in zip(run.parameters, optimizer.param_groups[0]["params"], strict=True):
                state = optimizer.state[view]
                run.optimizer.state[own] = {key: _part(key, each, place) for key, each in state.items()}


def _part(key: str, value: Any, place: int) -> Any:
    shaped = isinstance(value, Tensor) and key not in COUNTERS
    return value[place].clone() if shaped else copy.deepcopy(value)


def _stacked(tensors: Sequence[Tensor]) -> Tensor:
    return torch.stack([each.detach() for each in tensors])
