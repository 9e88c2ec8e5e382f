"""From a model, data and a configuration to a run that is ready for its first step."""

import dataclasses

import torch
from torch import Tensor, nn

from landscape.compiled import compiled
from landscape.data import DataSet
from landscape.errors import ProblemError
from landscape.models import check_outputs
from landscape.training.closure import needs_closure
from landscape.training.config import TrainingConfig
from landscape.training.determinism import repeatable
from landscape.training.evaluation import LossFunction
from landscape.training.optimizer_definition import build_optimizer, optimizer_definition
from landscape.training.run import Run
from landscape.training.running_average import running_average
from landscape.training.schedules import Schedule
from landscape.weight_average import WeightAverage


def prepare_run(
    model: nn.Module,
    loss: LossFunction,
    dataset: DataSet,
    config: TrainingConfig,
    *,
    device: torch.device,
    dtype: torch.dtype,
) -> Run:
    """Return a run before its first step; moves the model and copies the data to the device.

    Raises:
        ProblemError: If nothing is trainable.
        UsageError: If the model has fewer outputs than the data set has classes, or an average has one point only.
    """
    model.to(device, dtype)
    parameters = tuple(each for each in model.parameters() if each.requires_grad)
    if not parameters:
        raise ProblemError("The model has no trainable parameters. Set requires_grad on what to train.")
    # here rather than at the loss: on CUDA a label out of range ends the process's use of the device
    with repeatable(device):
        check_outputs(model, dataset)
    keeps_moment = optimizer_definition(config.optimizer).second_moment is not None
    count = sum(each.numel() for each in parameters)
    optimizer = build_optimizer(config.optimizer, parameters, config.lr, config.optimizer_options)
    run = Run(
        model=model,
        loss=loss,
        config=config,
        parameters=parameters,
        optimizer=optimizer,
        train=_to_device(dataset.train, device, dtype),
        test=_to_device(dataset.test, device, dtype),
        classes=dataset.num_classes is not None and dataset.train[1].ndim == 1,
        learning_rates=(),
        shadow=None if keeps_moment else torch.zeros(count, device=device, dtype=dtype),
        norms=torch.zeros((), device=device, dtype=dtype),
        closure=needs_closure(optimizer),
        forward=compiled(model) if config.compile else None,
    )
    rates = _learning_rates(config, run.steps_per_epoch)
    rules = [WeightAverage.parse(each) for each in config.average]
    averages = [running_average(rule, parameters, len(rates), run.steps_per_epoch) for rule in rules]
    return dataclasses.replace(run, learning_rates=rates, averages=tuple(averages))


def _to_device(examples: tuple[Tensor, Tensor], device: torch.device, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    x, y = (each.to(device, dtype if each.is_floating_point() else each.dtype) for each in examples)
    return x, y


def _learning_rates(config: TrainingConfig, steps_per_epoch: int) -> tuple[float, ...]:
    unit = 1 if config.epochs is None else steps_per_epoch
    total = (config.steps or 0) if config.epochs is None else config.epochs * steps_per_epoch
    schedule = Schedule(config.schedule, total, config.warmup * unit, config.milestones, config.decay)
    return tuple(config.lr * schedule(step) for step in range(total))
