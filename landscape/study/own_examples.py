"""A user's own examples and network, as they are: any Dataset, DataLoader or batches, which no study could train on."""

import inspect
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import nn

from landscape.data import DataSet
from landscape.errors import LandscapeError, UsageError
from landscape.models import build_model
from landscape.models.build import SHAPES
from landscape.options import parse_options
from landscape.random_state import seeded
from landscape.randomness import derive_seed
from landscape.references import is_reference
from landscape.registry import datasets, models
from landscape.study.cells import Cell
from landscape.study.config import StudyConfig
from landscape.study.option_levels import chosen

EXPECTED = (
    "It must return the examples, as (x, y) tensors, a Dataset, a DataLoader or a list of batches, or (train, test), "
    "each of which is one of these."
)


def takes_own_examples(config: StudyConfig, cell: Cell) -> bool:
    """Return whether data and network are a user's own, and neither has to know of the other's shapes.

    Data of which a study would choose some, or spoil labels, are taken as a study does.
    """
    chosen = cell.train_examples is not None or cell.label_noise or config.subset
    if config.data is None or chosen or not is_reference(cell.model):
        return False
    factory = models[cell.model].value
    try:
        wanted = inspect.signature(factory).parameters
    except (TypeError, ValueError):  # no function, which is said when it is called
        return True
    return not any(name in wanted for name in SHAPES)


def own_examples(config: StudyConfig) -> Any:
    """Return the training part of what a user's data factory returns, as it is; it is called with everything seeded.

    Raises:
        UsageError: If the factory cannot be called, raises, or returns no examples.
        LandscapeError: That of the factory, where it raises one.
    """
    name = str(config.data)
    factory = datasets[name].value
    if not callable(factory):
        raise UsageError(f"{name} is a {type(factory).__name__}, not a function. {EXPECTED}")
    arguments = parse_options(factory, config.dataset_option, f"Data set {name!r}")
    refuse_missing(name, factory, arguments, "--dataset-option")
    try:
        with seeded(derive_seed(config.seed, "data")):
            made = factory(**arguments)
    except LandscapeError:
        raise
    except Exception as error:
        raise UsageError(f"{name} raised {type(error).__name__}: {error}") from error
    return _training_part(name, made)


def own_model(config: StudyConfig, cell: Cell) -> nn.Module:
    """Return a user's own network, which needs to know no shapes.

    Raises:
        UsageError: If its factory cannot be called, raises, or returns no module.
    """
    factory = models[cell.model].value
    options = chosen(config.model_option, cell.model, cell.model_option)
    refuse_missing(cell.model, factory, options, "--model-option")
    return build_model(cell.model, (), 0, options=options, seed=cell.seed)


def refuse_missing(name: str, factory: Any, given: Mapping[str, Any], flag: str) -> None:
    """Refuse a factory that wants arguments which nobody gives.

    Raises:
        UsageError: If there are any; says how to give them.
    """
    try:
        parameters = inspect.signature(factory).parameters.values()
    except (TypeError, ValueError):
        return
    variable = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    missing = [
        each.name
        for each in parameters
        if each.default is each.empty and each.kind not in variable and each.name not in given
    ]
    if missing:
        wants = ", ".join(missing)
        raise UsageError(
            f"{name} wants {wants}, which nobody gives. Type {flag} {missing[0]}=..., or give the function defaults."
        )


def number_of_classes(examples: Any) -> int | None:
    """Return how many classes ``(x, y)`` tensors have; None for anything else."""
    if not _is_tensors(examples) or len(examples) != 2:
        return None
    y = torch.as_tensor(examples[1])
    return None if y.is_floating_point() or y.ndim != 1 or not len(y) else int(y.max()) + 1


def _training_part(name: str, made: Any) -> Any:
    if isinstance(made, DataSet):
        return made.train
    if isinstance(made, tuple | list) and len(made) == 2 and not _is_tensors(made) and not _holds_batches(made):
        made = made[0]
    if isinstance(made, str | bytes | int | float) or made is None or isinstance(made, nn.Module):
        raise UsageError(f"{name} returned a {type(made).__name__}. {EXPECTED}")
    return tuple(made) if _is_tensors(made) else made


def _is_tensors(made: Any) -> bool:
    return isinstance(made, tuple | list) and all(isinstance(each, torch.Tensor | np.ndarray) for each in made)


def _holds_batches(made: Any) -> bool:
    """Return whether two things are two batches, and not (train, test): dicts or pairs of tensors in a list."""
    return isinstance(made, list) and (
        all(_is_tensors(each) for each in made) or all(isinstance(each, Mapping) for each in made)
    )
