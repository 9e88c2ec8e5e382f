"""What a study is, from the command line, the environment and study.toml to one checked configuration and back."""

import dataclasses
from collections.abc import Mapping
from typing import Any

from landscape.errors import UsageError, suggest
from landscape.study.config_checks import check_together
from landscape.study.keys import KEYS, StudyConfig
from landscape.study.toml_file import read_toml
from landscape.study.toml_text import quote, toml_value

__all__ = ["KEYS", "StudyConfig", "differences", "read_toml", "resolve", "to_toml"]


def resolve(*sources: tuple[str, Mapping[str, Any]]) -> StudyConfig:
    """Return the configuration of several sources, the first one winning.

    Args:
        *sources: (how to call it in messages, its keys): flags, then the environment, then study.toml.

    Raises:
        UsageError: If a key is unknown or its value of the wrong kind.
    """
    values: dict[str, Any] = {}
    for name, keys in reversed(sources):
        for key, value in keys.items():
            parsed = _parse(name, key, value)
            values[key] = _merged(values.get(key, {}), parsed) if isinstance(parsed, dict) else parsed
    config = StudyConfig(**values)
    check_together(config)
    return config


def to_toml(config: StudyConfig) -> str:
    """Return the configuration as TOML that `read_toml` and `resolve` take back to the same one."""
    plain = {key: value for key, value in dataclasses.asdict(config).items() if value not in (None, {}, (None,))}
    lines = [f"{key} = {toml_value(value)}" for key, value in plain.items() if not isinstance(value, dict)]
    for key, table in plain.items():
        if isinstance(table, dict):
            lines += ["", f"[{key}]", *(f"{quote(name)} = {toml_value(each)}" for name, each in table.items())]
    return "\n".join(lines) + "\n"


def differences(old: StudyConfig, new: StudyConfig) -> list[str]:
    """Return a line for each key in which two configurations differ; where data lie makes no difference."""
    pairs = [(key, getattr(old, key), getattr(new, key)) for key in KEYS if key != "data_dir"]
    return [f"{key}: {_plain(a)} there, {_plain(b)} here" for key, a, b in pairs if a != b]


def _merged(weaker: dict[str, Any], stronger: dict[str, Any]) -> dict[str, Any]:
    """Return two tables as one, entry by entry; what the stronger says for all replaces the weaker for one."""
    if "*" in stronger:
        return dict(stronger)
    shared = {name for name, each in stronger.items() if not isinstance(each, dict)}
    result = {
        name: {key: each for key, each in table.items() if key not in shared} if isinstance(table, dict) else table
        for name, table in weaker.items()
    }
    for name, each in stronger.items():
        old = result.get(name)
        result[name] = {**old, **each} if isinstance(old, dict) and isinstance(each, dict) else each
    return result


def _parse(source: str, key: str, value: Any) -> Any:
    if key not in KEYS:
        meant = suggest(key, KEYS) or f" Known: {', '.join(KEYS)}."
        raise UsageError(f"{source} has an unknown key {key!r}.{meant}")
    try:
        return KEYS[key].metadata["parser"](value)
    except ValueError as error:
        raise UsageError(f"{source}: {key} must be {error}; it is {_plain(value)}.") from None


def _plain(value: Any) -> str:
    if isinstance(value, tuple | list):
        return ", ".join(_plain(each) for each in value) or "nothing"
    return "nothing" if value in (None, {}) else repr(value) if isinstance(value, str) else str(value)
