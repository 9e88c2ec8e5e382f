"""A data set's name to its tensors: find, choose, standardise, spoil labels."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from landscape.data.dataset import DataSet, Examples
from landscape.data.label_noise import add_label_noise
from landscape.data.source import Place, Pool, Source, Subset
from landscape.data.standardize import standardize
from landscape.data.subset import choose
from landscape.data.user import load_user
from landscape.errors import UsageError
from landscape.options import parse_options
from landscape.plain_folder import OnlyRead
from landscape.registry import datasets


def load_dataset(
    name: str,
    *,
    train_examples: int | None = None,
    label_noise: float = 0.0,
    seed: int = 0,
    data_dir: str | Path | None = None,
    options: Mapping[str, Any] | None = None,
    subset: Subset | None = None,
) -> DataSet:
    """Return the data set called ``name``: chosen, then standardised, then with label noise.

    Args:
        name: A registered name, or ``file.py:factory`` of the user's own.
        train_examples: How many training examples to take; None takes all.
        label_noise: The fraction of training labels to replace by a different class. Test labels stay true.
        seed: For the choice, the noise, and data that are drawn.
        data_dir: Where files lie; else ``LANDSCAPE_DATA``, else ``~/.cache/landscape``. Nothing is downloaded into an
            `OnlyRead` one.
        options: Options of this data set, typed or as strings.
        subset: ``"first"`` or ``"balanced"``; None takes ``"first"`` for digits and regression, else balanced.

    Raises:
        UsageError: If a name, option or number cannot be used.

    Example:
        >>> load_dataset("digits", train_examples=1000).train[0].shape
        torch.Size([1000, 1, 8, 8])
    """
    if subset not in (None, "first", "balanced"):
        raise UsageError(f"A subset is 'first' or 'balanced', not {subset!r}.")
    pool = _load_pool(name, Place(data_folder(data_dir), seed, not isinstance(data_dir, OnlyRead)), options)
    x, y = pool.train
    # Taking all of them is no copy, which matters at 60,000 images.
    if train_examples is not None:
        taken = choose(y, train_examples, pool.num_classes, subset or pool.subset, seed)
        x, y = x[taken], y[taken]
    inputs = _inputs(x, pool)
    train = (inputs[0], add_label_noise(y, label_noise, pool.num_classes, seed))
    return DataSet(name, train, (inputs[1], pool.test[1]), pool.num_classes)


def data_folder(data_dir: str | Path | None) -> Path:
    """Return where data sets lie: as told, else ``LANDSCAPE_DATA``, else ``~/.cache/landscape``."""
    # An empty variable counts as unset, as in a shell.
    return Path(data_dir or os.environ.get("LANDSCAPE_DATA") or "~/.cache/landscape").expanduser()


def _load_pool(name: str, place: Place, options: Mapping[str, Any] | None) -> Pool:
    source = datasets[name].value
    if not isinstance(source, Source):
        return load_user(name, source, options, place.seed)
    return source.load(place, **parse_options(source.load, options, f"Data set {name!r}", reserved=("place",)))


def _inputs(x: torch.Tensor, pool: Pool) -> Examples:
    if pool.standardize is None:
        return x, pool.test[0]
    train, test = (_own_floats(part) for part in (x, pool.test[0]))
    return standardize(train, test, pool.standardize)


def _own_floats(x: torch.Tensor) -> torch.Tensor:
    """Return a copy, which standardize may overwrite; bytes become float32."""
    return x.to(torch.promote_types(x.dtype, torch.float32), copy=True)
