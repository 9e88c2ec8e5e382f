"""Code that a study.toml names, which runs only if the user says so: the file may be a stranger's."""

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from landscape.errors import UsageError
from landscape.references import is_reference

FAMILIES = {"model": ("torchvision", "timm"), "optimizer": ("torch",)}
"""What stands before the colon of a name that is no code of the user's, such as torchvision:resnet18, by key.

Under another key it is a module: a model ``torch:load`` would unpickle what an option names.
"""

_NOT_LOADED = ("checkpoint", "data_dir", "primary_comparison")
"""Paths, and names that stand under another key too."""


def refuse_code_of(keys: Mapping[str, Any], where: str, *, typed: Collection[str] = (), allowed: bool = False) -> None:
    """Refuse a file that names ``module:attribute`` or ``file.py:attribute``: to load it would run its code.

    Args:
        keys: The file's content.
        where: What to call it.
        typed: Keys that the command line says itself, whose values in the file do not count.
        allowed: Whether the user has said that the file may be trusted.

    Raises:
        UsageError: If it names code that the user has not allowed.
    """
    if allowed:
        return
    for key, value in keys.items():
        named = [] if key in typed or key in _NOT_LOADED else list(_references(value, FAMILIES.get(key, ())))
        if named:
            raise UsageError(
                f"{where} names code that would be run, {key} = {named[0]!r}. If you trust it, type --allow-code; what "
                f"you type on the command line yourself needs none."
            )


def _references(value: Any, families: Collection[str]) -> Iterator[str]:
    if isinstance(value, str):
        # as the parsers of keys read it: several words between commas, and spaces around them
        for word in map(str.strip, value.split(",")):
            if is_reference(word) and word.partition(":")[0] not in families:
                yield word
    elif isinstance(value, Mapping):
        for each in value.values():
            yield from _references(each, families)
    elif isinstance(value, list | tuple):
        for each in value:
            yield from _references(each, families)
