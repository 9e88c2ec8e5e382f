"""What a search for hyper-parameters picked, put into the configuration of its study; without torch."""

import dataclasses
from collections.abc import Mapping
from typing import Any

from landscape.study.config import StudyConfig


def with_picked(config: StudyConfig, picked: Mapping[str, Mapping[str, Any]]) -> StudyConfig:
    """Return a study in which each optimizer has the learning rate and the options picked for it.

    Args:
        config: As it was asked for.
        picked: Optimizer to its ``lr`` and ``options``.
    """
    rates = {name: (float(each["lr"]),) for name, each in picked.items()}
    given = config.optimizer_option
    tables = {name: {**given.get(name, {}), **_plain(each["options"])} for name, each in picked.items()}
    return dataclasses.replace(
        config, lr={**config.lr, **rates}, optimizer_option={**given, **{name: t for name, t in tables.items() if t}}
    )


def picks(search: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """Return what each optimizer's search picked, from the record of the search."""
    return {each["optimizer"]: each["picked"] for each in search["optimizers"]}


def _plain(options: Mapping[str, Any]) -> dict[str, Any]:
    # a tuple would be levels to choose among
    return {key: list(each) if isinstance(each, list | tuple) else each for key, each in options.items()}
