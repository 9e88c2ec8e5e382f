"""Values as TOML."""

from typing import Any


def toml_value(value: Any) -> str:
    """Return a value as TOML; None in a list is the word none."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return quote(value)
    if isinstance(value, tuple | list):
        return "[" + ", ".join(toml_value("none" if each is None else each) for each in value) + "]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{quote(key)} = {toml_value(each)}" for key, each in value.items()) + "}"
    return repr(value)


def quote(text: str) -> str:
    """Return a text as a TOML string."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + "".join(each if each >= " " and each != "\x7f" else f"\\u{ord(each):04x}" for each in escaped) + '"'
