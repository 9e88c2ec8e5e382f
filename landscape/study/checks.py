"""What can be found wrong with a study before anything is written."""

import math

import torch

from landscape.device import resolve_device
from landscape.errors import LandscapeError, ProblemError, UsageError
from landscape.measures.measure import parsed_options, registered
from landscape.problem import Problem
from landscape.study.cells import Cell, cells
from landscape.study.config import StudyConfig
from landscape.study.measure_cell import measure_options
from landscape.study.search import validation_split
from landscape.study.search_draws import draws, middle, trial
from landscape.study.train_cell import dataset_of, loss_of, model_of, training_config
from landscape.training import load_into
from landscape.training.running_average import checked_points
from landscape.weight_average import WeightAverage

PROBE = 256
"""Examples on which a network is tried before a study starts."""


def check(config: StudyConfig) -> torch.device:
    """Return the device of a study, after trying everything that can fail before anything is written.

    Raises:
        UsageError: If a name or option cannot be used.
        ProblemError: If the loss is not finite before training.
    """
    device = resolve_device(config.device)
    _check_measures(config)
    for draw in draws(config) if config.tune else []:
        training_config(*trial(config, draw))
    config = middle(config) if config.tune else config
    todo = cells(config)
    for cell in todo:
        if cell.checkpoint is None:
            training_config(config, cell)
    looked_at = {
        (cell.model, cell.model_option, cell.dataset, cell.train_examples, cell.label_noise, cell.checkpoint): cell
        for cell in todo
    }
    for cell in looked_at.values():
        _check_problem(config, cell)
    for cell in todo:
        _check_points(config, cell)
    return device


def _check_problem(config: StudyConfig, cell: Cell) -> None:
    """Look at the data, the network and the loss before training."""
    dataset = dataset_of(config, cell)
    if config.examples is not None and config.examples > len(dataset.train[0]):
        raise UsageError(
            f"--examples {config.examples} is more than the {len(dataset.train[0])} training examples there are."
        )
    if config.tune:
        validation_split(dataset, config.seed)
    model = model_of(config, cell, dataset)
    if cell.checkpoint is not None:
        load_into(model, cell.checkpoint)
    # some examples tell; all of them would take minutes on a large set
    some = tuple(each[:PROBE] for each in dataset.train)
    try:
        loss = Problem(model, loss_of(config), some).loss()
    except LandscapeError:
        raise
    except Exception as error:
        raise ProblemError(f"{cell.model} or its loss raised {type(error).__name__}: {error}") from error
    if not math.isfinite(loss):
        where = f"at {cell.checkpoint}" if cell.checkpoint else "before training"
        raise ProblemError(
            f"The loss of {cell.model} on {dataset.name} is {loss} {where}. "
            f"Look for a division by zero, or inputs that are not scaled."
        )


def _check_points(config: StudyConfig, cell: Cell) -> None:
    """Refuse averages of one point, epochs beyond the training, and points of what is not trained here."""
    beyond = {
        "--average": config.average,
        "--at-epoch": config.at_epoch,
        "further levels of --target-loss": config.levels,
    }
    asked = [name for name, each in beyond.items() if each]
    if not asked:
        return
    if cell.checkpoint is not None:
        raise UsageError(f"A checkpoint is one point; others lie along a training. Leave out {' and '.join(asked)}.")
    count = len(dataset_of(config, cell).train[0])
    each = -(-count // (count if cell.batch_size == "full" else int(cell.batch_size)))
    total = config.steps or config.epochs * each
    for epoch in config.at_epoch:
        if epoch * each >= total:
            raise UsageError(
                f"Training takes {total / each:g} epochs and its end is measured anyway: --at-epoch {epoch} is too "
                f"late. Name an earlier epoch, or train longer."
            )
    for name in config.average:
        checked_points(WeightAverage.parse(name), total, each)


def _check_measures(config: StudyConfig) -> None:
    for name in config.measures:
        parsed_options(name, measure_options(config))
    primary = config.primary_measure
    if primary is not None and not registered(primary).sign:
        raise UsageError(f"{primary} {registered(primary).why_not}, so it cannot be the primary measure.")
    for name in config.measure_option:
        if name not in config.measures:
            raise UsageError(f"An option is given for {name!r}, which is not among the measures of this study.")
