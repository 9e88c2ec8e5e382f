"""Flags of a study, made from its table of keys; and the configuration they give with a file and the environment."""

import dataclasses
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from landscape.study.config import KEYS, StudyConfig, read_toml, resolve

# LANDSCAPE_DATA is the folder of data sets everywhere; the key `data` is a factory
ENVIRONMENT = {f"LANDSCAPE_{key.upper()}": key for key in KEYS if key != "data"} | {"LANDSCAPE_DATA": "data_dir"}


def study_flags(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add a flag for every key of a study to a command."""
    for key in reversed(KEYS.values()):
        default = _default(key)
        several = isinstance(default, tuple | dict)
        shown = "" if default in (None, (), {}, (None,)) else f"  [default: {_shown(default)}]"
        function = click.option(
            f"--{key.name.replace('_', '-')}",
            key.name,
            multiple=several,
            default=None,
            metavar=key.metadata["metavar"],
            help=key.metadata["help"] + shown,
        )(function)
    return function


def resolved(study: Path | None, flags: dict[str, Any]) -> StudyConfig:
    """Return the configuration: flag > environment > study.toml > default."""
    given = {key: value for key, value in flags.items() if key in KEYS and value not in (None, ())}
    environment = {key: os.environ[name] for name, key in ENVIRONMENT.items() if os.environ.get(name)}
    file = [] if study is None else [(str(study), read_toml(study))]
    return resolve(("The command line", given), ("The environment", environment), *file)


def _default(key: "dataclasses.Field[Any]") -> Any:
    return key.default_factory() if key.default_factory is not dataclasses.MISSING else key.default


def _shown(default: Any) -> str:
    return ",".join(map(str, default)) if isinstance(default, tuple) else str(default)
