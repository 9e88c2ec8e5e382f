"""A user's own data: what ``file.py:factory`` returns, as tensors."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset

from landscape.data.dataset import DataSet, Examples, check
from landscape.data.source import Pool
from landscape.errors import UsageError
from landscape.options import parse_options
from landscape.random_state import seeded
from landscape.randomness import derive_seed

EXPECTED = (
    "It must return a landscape.data.DataSet, or (train, test), each of which is (x, y), a torch Dataset, "
    "or an iterable of (x, y) batches."
)


def load_user(name: str, factory: Callable[..., Any], options: Mapping[str, Any] | None, seed: int) -> Pool:
    """Return what a user's factory returns, with its labels checked; every global generator is seeded for it.

    Integer targets are classes, numbered from 0; floating-point ones are for regression. Inputs are used as
    they are, as float32; 64-bit integers stay what they are, because they may be tokens.

    Raises:
        UsageError: If the factory cannot be called, raises, or returns something else.
    """
    if not callable(factory):
        raise UsageError(f"{name} is a {type(factory).__name__}, not a function. {EXPECTED}")
    arguments = parse_options(factory, options, f"Data set {name!r}")
    try:
        with seeded(derive_seed(seed, "data")):
            made = factory(**arguments)
            dataset = made if isinstance(made, DataSet) else _from_pair(name, made)
    except UsageError:
        raise
    except Exception as error:
        raise UsageError(f"{name} raised {type(error).__name__}: {error}") from error
    dataset = check(dataset)
    subset: Any = "first" if dataset.num_classes is None else "balanced"
    return Pool(dataset.train, dataset.test, dataset.num_classes, standardize=None, subset=subset)


def _from_pair(name: str, made: Any) -> DataSet:
    if not isinstance(made, tuple | list) or len(made) != 2:
        raise UsageError(f"{name} returned a {type(made).__name__}. {EXPECTED}")
    (train_x, train_y), (test_x, test_y) = (_examples(name, part) for part in made)
    if train_y.is_floating_point() != test_y.is_floating_point():
        raise UsageError(f"{name} has {train_y.dtype} training targets but {test_y.dtype} test targets.")
    # max() of no labels at all does not exist; check() says that the set is empty.
    labels = torch.cat([train_y.flatten(), test_y.flatten(), train_y.new_zeros(1)])
    num_classes = None if train_y.is_floating_point() else int(labels.max()) + 1
    return DataSet(name, (train_x, train_y), (test_x, test_y), num_classes)


def _examples(name: str, part: Any) -> Examples:
    if isinstance(part, tuple | list) and len(part) == 2 and all(_is_array(each) for each in part):
        return _input(part[0]), _target(part[1])
    if isinstance(part, Dataset):
        part = DataLoader(part, batch_size=256)
    if not isinstance(part, Iterable):
        raise UsageError(f"{name} returned a {type(part).__name__} as training or test set. {EXPECTED}")
    batches = [tuple(batch) for batch in part]
    if not batches:
        raise UsageError(f"{name} returned a training or test set without examples.")
    if any(len(batch) != 2 or not all(_is_array(each) for each in batch) for batch in batches):
        raise UsageError(f"{name} has batches that are not (x, y) tensors. {EXPECTED}")
    xs, ys = zip(*batches, strict=True)
    return torch.cat([_input(x) for x in xs]), torch.cat([_target(y) for y in ys])


def _is_array(value: Any) -> bool:
    return isinstance(value, torch.Tensor | np.ndarray)


def _input(x: torch.Tensor | np.ndarray[Any, Any]) -> torch.Tensor:
    x = torch.as_tensor(x).detach().cpu()
    return x if x.dtype == torch.int64 else x.float()


def _target(y: torch.Tensor | np.ndarray[Any, Any]) -> torch.Tensor:
    y = torch.as_tensor(y).detach().cpu()
    if not y.is_floating_point():
        return y.long()
    return y.float()[:, None] if y.ndim == 1 else y.float()
