"""What a registered data set hands over, before it is cut to size and standardised."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from landscape.data.dataset import Examples

Subset = Literal["first", "balanced"]


@dataclass(frozen=True)
class Pool:
    """All training examples to choose from, and the test set, as they lie on disk.

    Attributes:
        train: Inputs of any number type, and targets.
        test: The same for the test set.
        num_classes: How many classes there are; None for regression.
        standardize: The dimensions over which mean and standard deviation are taken (``(0,)``: per feature,
            ``(0, 2, 3)``: per channel); None leaves the inputs as they are.
        subset: How ``--train-examples`` chooses unless told otherwise.
    """

    train: Examples
    test: Examples
    num_classes: int | None
    standardize: tuple[int, ...] | None
    subset: Subset


@dataclass(frozen=True)
class Source:
    """Where a registered data set comes from.

    Attributes:
        load: Called with the data folder, the seed and the options; returns the pool. Its keyword-only
            parameters are the options that a user can give.
    """

    load: Callable[..., Pool]


@dataclass(frozen=True)
class Place:
    """What every source is told.

    Attributes:
        folder: In which data lie.
        seed: Of what is drawn.
        writable: Whether what is missing may be downloaded into it.
    """

    folder: Path
    seed: int
    writable: bool = True
