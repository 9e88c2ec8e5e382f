"""Many trainings of one architecture and optimizer at once, as one batched model."""

import dataclasses
from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor, nn

from landscape.data import DataSet
from landscape.errors import UsageError
from landscape.training.config import TrainingConfig
from landscape.training.determinism import repeatable
from landscape.training.evaluation import LossFunction
from landscape.training.loop import timed
from landscape.training.optimizer_definition import optimizer_definition
from landscape.training.prepare import prepare_run
from landscape.training.run import Run, clear_gradients, loss_and_gradient
from landscape.training.snapshot import copy_state_dict
from landscape.training.stack import STEPPED, batched_loss, gradient_of, leave_gradients, stacked, take_steps_together
from landscape.training.train import TrainingResult, is_kept, result_of
from landscape.training.view import TrainingView, first_view, next_view, state_to_rewind, stretches

PROBED = 64
"""Examples on which the batched gradient is compared with each run's own."""

MOST_WORK = 10_000_000
"""Operations of the forward pass of one network's step up to which it pays to train together (docs/population.md)."""

OnCheckpoint = Callable[[int, int, Mapping[str, Tensor]], None]


def train_population(
    models: Sequence[nn.Module],
    loss: LossFunction,
    dataset: DataSet,
    configs: Sequence[TrainingConfig],
    *,
    device: torch.device | str,
    dtype: torch.dtype = torch.float32,
    keep: int = 0,
    on_checkpoint: OnCheckpoint | None = None,
) -> list[TrainingResult]:
    """Return for each model what `train` returns, all of them trained at once as one batched model.

    Initial weights, the order of the data, schedules, clipping, history and the crossing of the target loss are those
    of each run alone, and so are the numbers, to rounding. Only time differs: a run's seconds are those of all runs
    over their number.

    Args:
        models: Of one architecture, each with its own initial weights.
        loss: Function of (outputs, targets) giving the mean over examples.
        dataset: Training and test examples, the same for all.
        configs: How to train each: they differ in learning rate and seed only.
        device: Where.
        dtype: Precision of parameters and inputs.
        keep: See `train`.
        on_checkpoint: Takes (number of the run, steps taken, state dict copied to the CPU).

    Raises:
        UsageError: If the configurations differ in more than learning rate and seed, or there are none.
        ProblemError: If these models cannot be trained together (see `why_not_together`), or not at all.

    Cost:
        Memory for the activations of all runs at once.
    """
    _check_alike(configs)
    pairs = zip(models, configs, strict=True)
    runs = [
        prepare_run(model, loss, dataset, config, device=torch.device(device), dtype=dtype) for model, config in pairs
    ]
    views = [first_view(run) for run in runs]
    rows = [[view.row] for view in views]
    _hand_out(views, range(len(views)), keep, on_checkpoint)
    for first, last in stretches(runs[0]):
        alive = [index for index, view in enumerate(views) if not view.diverged]
        if not alive:
            break
        before = {index: state_to_rewind(views[index], last) for index in alive}
        seconds = _stretch([runs[index] for index in alive], first, last)
        for index in alive:
            views[index] = next_view(views[index], before[index], last, seconds)
            rows[index].append(views[index].row)
        _hand_out(views, alive, keep, on_checkpoint)
    return [result_of(view, each) for view, each in zip(views, rows, strict=True)]


def why_not_together(
    models: Sequence[nn.Module],
    loss: LossFunction,
    dataset: DataSet,
    configs: Sequence[TrainingConfig],
    *,
    device: torch.device | str,
    dtype: torch.dtype = torch.float32,
) -> str:
    """Return why these models cannot be trained as one batched model, as a clause; "" where they can.

    The batched gradient is compared with that of each model alone on 64 examples, in training mode.

    Args:
        models: Two at least; they come back as they were, moved to ``device`` and ``dtype``.
        loss: See `train_population`, likewise for the others.
        dataset: Training and test examples.
        configs: How to train each.
        device: Where.
        dtype: Precision.
    """
    name, config = configs[0].optimizer, configs[0]
    if not optimizer_definition(name).elementwise:
        return f"{name} does not step each number by itself"
    if config.amp is not None or config.compile:
        return f"{'--amp' if config.amp is not None else '--compile'} is for one network at a time"
    where = torch.device(device)
    pairs = list(zip(models, configs, strict=True))
    runs = [prepare_run(model, loss, dataset, each, device=where, dtype=dtype) for model, each in pairs]
    beyond = [each.name for each in dataclasses.fields(Run) if each.name not in STEPPED and getattr(runs[0], each.name)]
    if beyond:
        return f"{', '.join(beyond)} of a run are kept while it steps alone"
    modes = [(module, module.training) for model in models for module in model.modules()]
    with repeatable(where):
        try:
            return _disagreement(sorted(runs, key=lambda run: run.config.lr))
        finally:
            for module, training in modes:
                module.training = training


def _disagreement(runs: Sequence[Run]) -> str:
    """Return what sets the batched gradient apart from that of each run alone, as a clause, or ""."""
    x, y = (each[:PROBED] for each in runs[0].train)
    alone = []
    for run in runs:
        own, why = _alone(run, x, y)
        if why:
            return why
        alone.append(own)
    stack = stacked(runs)
    try:
        leave_gradients(stack, batched_loss(runs[0]), x.expand(len(runs), *x.shape), y.expand(len(runs), *y.shape))
    except Exception as error:
        # torch.func refuses with many kinds of error what it cannot batch
        return f"torch.func cannot batch the network or its loss ({type(error).__name__})"
    together = torch.cat([gradient_of(each).reshape(len(runs), -1) for each in stack.parameters.values()], dim=1)
    own = torch.stack(alone)
    # the rounding of a gradient is some hundred units of its norm at most
    tolerance = 1000 * torch.finfo(own.dtype).eps
    off = torch.linalg.vector_norm(together - own, dim=1) > tolerance * torch.linalg.vector_norm(own, dim=1)
    return "torch.func's batched gradient is not that of the network alone" if bool(off.any()) else ""


def _alone(run: Run, x: Tensor, y: Tensor) -> tuple[Tensor, str]:
    """Return the flat gradient of one run, and what its network does beside it that cannot be batched."""
    buffers, state = [each.clone() for each in run.model.buffers()], torch.get_rng_state()
    run.model.train()
    loss_and_gradient(run, x, y)
    gradient = torch.cat([gradient_of(each).reshape(-1) for each in run.parameters])
    clear_gradients(run)
    why = ""
    if not torch.equal(state, torch.get_rng_state()):
        why = "the network draws random numbers while it trains (dropout)"
    for live, kept in zip(run.model.buffers(), buffers, strict=True):
        if not torch.equal(live, kept):
            why = "the network changes its buffers while it trains (BatchNorm's running statistics)"
        live.copy_(kept)
    return gradient, why


def _stretch(runs: Sequence[Run], first: int, last: int) -> float:
    """Take a stretch of steps of all runs and return the seconds of each."""
    for run in runs:
        run.norms.zero_()
    # a run alone goes beside a copy of itself: batched products of one matrix take another path, with other rounding
    together = [*runs, *runs] if len(runs) == 1 else runs
    return timed(runs[0].device, lambda: take_steps_together(together, first, last)) / len(runs)


def _hand_out(
    views: Sequence[TrainingView], which: Sequence[int], keep: int, on_checkpoint: OnCheckpoint | None
) -> None:
    for index in which:
        if on_checkpoint is not None and is_kept(views[index], keep):
            on_checkpoint(index, views[index].step, copy_state_dict(views[index].model))


def _check_alike(configs: Sequence[TrainingConfig]) -> None:
    if not configs:
        raise UsageError("A population has no members. Give at least one model and its configuration.")
    ignored = {"lr", "seed"}
    first = {key: value for key, value in vars(configs[0]).items() if key not in ignored}
    for other in configs[1:]:
        differing = [key for key, value in first.items() if getattr(other, key) != value]
        if differing:
            raise UsageError(
                f"The runs of a population differ in learning rate and seed only; here {', '.join(differing)} differ. "
                f"Train them in populations of their own."
            )
