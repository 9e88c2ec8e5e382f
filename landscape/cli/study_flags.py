"""Flags of a study, made from its table of keys; and the configuration they give with a file and the environment."""

import dataclasses
import os
from collections.abc import Callable, Collection, Iterable, Mapping
from pathlib import Path
from typing import Any

import click

from landscape.study.code_in_files import refuse_code_of
from landscape.study.config import KEYS, StudyConfig, read_toml, resolve
from landscape.study.ready_studies import study_file

Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]
# LANDSCAPE_DATA is the folder of data sets everywhere; the key `data` is a factory
ENVIRONMENT = {f"LANDSCAPE_{key.upper()}": key for key in KEYS if key != "data"} | {"LANDSCAPE_DATA": "data_dir"}


def study_flags(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add a flag for every key of a study to a command."""
    for key in reversed(KEYS.values()):
        function = _flag(key, None)(function)
    return function


def some_study_flags(names: Iterable[str], help: Mapping[str, str] | None = None) -> Decorator:
    """Return a decorator that adds the flags of some keys of a study, a few with a ``help`` of their own."""
    own = help or {}

    def add(function: Callable[..., Any]) -> Callable[..., Any]:
        for name in reversed(list(names)):
            function = _flag(KEYS[name], own.get(name))(function)
        return function

    return add


def allow_code(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add the flag by which the user trusts the code that a file names."""
    return click.option(
        "--allow-code", is_flag=True, help="Run code (FILE.py:NAME) that a study.toml names; only your own, please."
    )(function)


def _flag(key: "dataclasses.Field[Any]", help: str | None) -> Decorator:
    default = _default(key)
    shown = "" if help or default in (None, (), {}, (None,)) else f"  [default: {_shown(default)}]"
    name = f"--{key.name.replace('_', '-')}"
    if isinstance(default, bool):
        return click.option(f"{name}/--no{name[1:]}", key.name, default=None, help=help or key.metadata["help"])
    return click.option(
        name,
        key.name,
        multiple=isinstance(default, tuple | dict),
        default=None,
        metavar=key.metadata["metavar"],
        help=(help or key.metadata["help"]) + shown,
    )


def resolved(study: Path | None, flags: Mapping[str, Any], keys: Collection[str] = tuple(KEYS)) -> StudyConfig:
    """Return the configuration: flag > environment > study.toml > default.

    Args:
        study: A study.toml, or the name of a ready study.
        flags: What click gives; what is no key of a study is left out.
        keys: Those that the environment may set.

    Raises:
        UsageError: If a key cannot be used, or the file names code and ``allow_code`` is not among the flags.
    """
    file = [] if study is None else [(str(study), read_toml(study_file(study)))]
    config = resolve(("The command line", given(flags)), ("The environment", from_environment(keys)), *file)
    if study is not None:
        refuse_code_of(config, str(study), allowed=bool(flags.get("allow_code")))
    return config


def given(flags: Mapping[str, Any]) -> dict[str, Any]:
    """Return the keys of a study among the flags that were typed."""
    return {key: value for key, value in flags.items() if key in KEYS and value not in (None, ())}


def from_environment(keys: Collection[str]) -> dict[str, str]:
    """Return those of some keys of a study that the environment sets."""
    return {key: os.environ[name] for name, key in ENVIRONMENT.items() if key in keys and os.environ.get(name)}


def _default(key: "dataclasses.Field[Any]") -> Any:
    return key.default_factory() if key.default_factory is not dataclasses.MISSING else key.default


def _shown(default: Any) -> str:
    return ",".join(map(str, default)) if isinstance(default, tuple) else str(default)
