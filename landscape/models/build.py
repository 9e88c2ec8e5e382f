"""A model's name to the network, initialised from a seed, and the check that it fits its data."""

import inspect
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import nn

from landscape.data import DataSet
from landscape.errors import LandscapeError, UsageError
from landscape.options import parse_options
from landscape.randomness import derive_seed
from landscape.registry import models

SHAPES = ("input_shape", "num_outputs")


def build_model(
    name: str,
    input_shape: tuple[int, ...],
    num_outputs: int,
    *,
    options: Mapping[str, Any] | None = None,
    seed: int = 0,
) -> nn.Module:
    """Return a new network on the CPU, in training mode, the same for the same seed.

    PyTorch's global random state stays as it was.

    Args:
        name: A registered name, ``torchvision:NAME``, or ``file.py:factory`` of the user's own, which is called
            with ``input_shape=``, ``num_outputs=`` and the options as far as its signature has those names.
        input_shape: Shape of one input, such as ``(3, 32, 32)``.
        num_outputs: Number of outputs, such as the number of classes.
        options: Options of this model, typed or as strings.
        seed: For the initial weights.

    Raises:
        UsageError: If there is no such model or option, the input does not suit it, or a user's factory raises
            or returns no module.

    Example:
        >>> sum(p.numel() for p in build_model("mlp", (1, 8, 8), 10).parameters())
        17610
    """
    factory = models[name].value
    if not callable(factory) or isinstance(factory, nn.Module):
        raise UsageError(f"{name} is a {type(factory).__name__}, not a function. Give a function that makes the model.")
    arguments = _shapes(factory, input_shape, num_outputs)
    arguments |= parse_options(factory, options, f"Model {name!r}", reserved=SHAPES)
    with torch.random.fork_rng(devices=[]):
        # Not torch.manual_seed: that would seed the accelerators as well.
        torch.default_generator.manual_seed(derive_seed(seed, "initialization"))
        model = _call(name, factory, arguments)
    if not isinstance(model, nn.Module):
        raise UsageError(f"{name} returned a {type(model).__name__}; it must return a torch.nn.Module.")
    return model


def check_outputs(model: nn.Module, dataset: DataSet) -> None:
    """Return nothing if the model takes the data and has an output for every class or number to predict.

    The model is run on two training examples in evaluation mode, without gradients, and stays as it was.

    Raises:
        UsageError: If it cannot take such inputs or has too few outputs.
    """
    shape = tuple(_probe(model, dataset).shape)
    if dataset.num_classes is not None and shape[-1] < dataset.num_classes:
        raise UsageError(
            f"{dataset.name} has {dataset.num_classes} classes but the model has {shape[-1]} outputs. "
            f"Give the model {dataset.num_classes} outputs."
        )
    if dataset.num_classes is None and shape[1:] != (dataset.num_outputs,):
        raise UsageError(
            f"{dataset.name} has {dataset.num_outputs} numbers to predict but the model's outputs have shape "
            f"{shape[1:]}. Give the model {dataset.num_outputs} outputs."
        )


def _probe(model: nn.Module, dataset: DataSet) -> torch.Tensor:
    x = dataset.train[0][:2]
    first = next(model.parameters(), None)
    if first is not None:
        x = x.to(first.device, first.dtype if x.is_floating_point() else None)
    modes = [(module, module.training) for module in model.modules()]
    try:
        with torch.no_grad():
            outputs = model.eval()(x)
    except Exception as error:
        raise UsageError(
            f"The model cannot take inputs of shape {tuple(x.shape[1:])}: {type(error).__name__}: "
            f"{str(error).rstrip('.')}. They are those of {dataset.name}: give the data that the model was made for "
            f"(--data, --dataset), or another model."
        ) from error
    finally:
        for module, training in modes:
            module.training = training
    if not isinstance(outputs, torch.Tensor) or outputs.ndim < 2 or len(outputs) != len(x):
        found = tuple(outputs.shape) if isinstance(outputs, torch.Tensor) else type(outputs).__name__
        raise UsageError(
            f"The model must return a tensor (examples, outputs); for {len(x)} examples it returned {found}."
        )
    return outputs


def _shapes(factory: Callable[..., Any], input_shape: tuple[int, ...], num_outputs: int) -> dict[str, Any]:
    offered = dict(zip(SHAPES, (tuple(input_shape), num_outputs), strict=True))
    try:
        wanted = inspect.signature(factory).parameters
    except ValueError:  # something built in, without a signature
        return {}
    return {name: value for name, value in offered.items() if name in wanted}


def _call(name: str, factory: Callable[..., Any], arguments: dict[str, Any]) -> Any:
    try:
        return factory(**arguments)
    except LandscapeError:
        raise
    except Exception as error:
        raise UsageError(f"{name} raised {type(error).__name__}: {error}") from error
