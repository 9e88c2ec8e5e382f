"""Code that a study names, which runs only if the user says so: the study may be a stranger's."""

from collections.abc import Iterator, Mapping
from typing import Any

from landscape.errors import UsageError
from landscape.references import is_reference
from landscape.study.config import KEYS, StudyConfig
from landscape.trust import is_trusted, trust

FAMILIES = {"model": ("torchvision", "timm"), "optimizer": ("torch",), "optimizer_option": ("torch",)}
"""What stands before the colon of a name that is no code of the user's, such as torchvision:resnet18, by key.

Under another key it is a module: a model ``torch:load`` would unpickle what an option names.
"""

_NOT_LOADED = ("checkpoint", "data_dir", "primary_comparison")
"""Paths, and names that stand under another key too."""


def refuse_code_of(config: StudyConfig, where: str, *, allowed: bool = False) -> None:
    """Refuse a study that names code, ``module:attribute`` or ``file.py:attribute``, which the user does not.

    `landscape.references` runs nothing that is not trusted; here it is said before anything is computed, and where
    the name stands.

    Args:
        config: The study, of all its sources together.
        where: What to call the file that it is from.
        allowed: Whether the user has said that the file may be trusted; what it names is, from then on.

    Raises:
        UsageError: If it names code that is not trusted.
    """
    named = [(key, name) for key in KEYS if key not in _NOT_LOADED for name in code_in(getattr(config, key), key)]
    if allowed:
        trust(name for _, name in named)
    for key, name in named:
        if not is_trusted(name):
            raise UsageError(
                f"{where} names code that would be run, {key} = {name!r}. If you trust it, type --allow-code; what you "
                f"type on the command line yourself needs none."
            )


def code_in(value: Any, key: str = "") -> Iterator[str]:
    """Go through the code that a value of a study's key names, in tables and lists too."""
    if isinstance(value, str):
        # an option is read as one text by some, as words between commas by others
        for text in dict.fromkeys(map(str.strip, (value, *value.split(",")))):
            if is_reference(text) and text.partition(":")[0] not in FAMILIES.get(key, ()):
                yield text
    elif isinstance(value, Mapping):
        for each in value.values():
            yield from code_in(each, key)
    elif isinstance(value, list | tuple):
        for each in value:
            yield from code_in(each, key)
