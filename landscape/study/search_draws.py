"""The configurations that a search tries: equally many for each optimizer, spread evenly over its search space."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from scipy.stats import qmc

from landscape.errors import UsageError
from landscape.randomness import derive_seed
from landscape.study.cells import Cell, cells
from landscape.study.config import StudyConfig
from landscape.study.keys import FACTORS
from landscape.study.picked import with_picked
from landscape.training.search_range import SearchRange
from landscape.training.search_space import check_shared, drawn_options, search_space


@dataclass(frozen=True)
class Draw:
    """One configuration of one optimizer.

    Attributes:
        optimizer: Its name.
        index: Which of the configurations drawn for it.
        values: Parameter to what was drawn, the learning rate first; betas as ``beta1`` and ``beta2``.
        options: The options that they are, without the learning rate.
    """

    optimizer: str
    index: int
    values: Mapping[str, float]
    options: Mapping[str, Any]

    @property
    def picked(self) -> dict[str, Any]:
        """What a study takes over."""
        return {"lr": self.values["lr"], "options": dict(self.options)}


def spaces(config: StudyConfig) -> dict[str, dict[str, SearchRange]]:
    """Return the search space of each optimizer of a study; options that are given are not in it.

    Raises:
        UsageError: If a range makes no sense, or the study varies something else too.
    """
    for key in FACTORS:
        if len(getattr(config, key)) > 1:
            named = ", ".join(map(str, getattr(config, key)))
            raise UsageError(f"A search is for one setting; {key} names {named}. Keep one, or run a study for each.")
    shared = {key: each for key, each in config.tune_range.items() if not isinstance(each, dict)}
    found = {
        name: search_space(name, fixed_options(config, name), _own(config.tune_range, name), shared)
        for name in config.optimizer
    }
    check_shared(found, shared)
    return found


def draws(config: StudyConfig) -> list[Draw]:
    """Return the configurations of a search, in the order in which they are trained.

    They are the points of a scrambled Halton sequence (Owen 2017), one dimension a parameter: ten of them are the
    first ten of a hundred.
    """
    found = []
    for name, space in spaces(config).items():
        sequence = qmc.Halton(len(space), scramble=True, rng=derive_seed(config.seed, f"search {name}"))
        for index, point in enumerate(sequence.random(config.tune or 0)):
            found.append(draw_at(config, name, space, index, [float(each) for each in point]))
    # all optimizers' first ones first, so that a search cut short has spent the same on each
    return sorted(found, key=lambda each: each.index)


def draw_at(config: StudyConfig, name: str, space: Mapping[str, SearchRange], index: int, point: list[float]) -> Draw:
    """Return the configuration at a point of the unit cube."""
    values = {key: each.at(share) for (key, each), share in zip(space.items(), point, strict=True)}
    return Draw(name, index, values, drawn_options(name, values, fixed_options(config, name)))


def middle(config: StudyConfig) -> StudyConfig:
    """Return the study as if the middle of each space had been picked: what is known of it before the search."""
    centres = [draw_at(config, name, space, 0, [0.5] * len(space)) for name, space in spaces(config).items()]
    return with_picked(config, {each.optimizer: each.picked for each in centres})


def trial(config: StudyConfig, draw: Draw) -> tuple[StudyConfig, Cell]:
    """Return the study of one drawn configuration alone, and its one run."""
    alone = dataclasses.replace(config, optimizer=(draw.optimizer,), seeds=1, lr_factor=(1.0,), average=(), at_epoch=())
    alone = with_picked(alone, {draw.optimizer: draw.picked})
    return alone, cells(alone)[0]


def fixed_options(config: StudyConfig, name: str) -> dict[str, Any]:
    """Return the options of an optimizer that a study gives."""
    shared = {key: each for key, each in config.optimizer_option.items() if not isinstance(each, dict)}
    decay = {} if config.weight_decay == (None,) else {"weight_decay": config.weight_decay[0]}
    return {**shared, **decay, **_own(config.optimizer_option, name)}


def _own(table: Mapping[str, Any], name: str) -> dict[str, Any]:
    own = table.get(name, {})
    return dict(own) if isinstance(own, dict) else {}
