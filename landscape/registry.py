"""Words to objects: one registry for each thing that a user can name."""

import importlib
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from landscape.errors import UsageError, suggest
from landscape.references import is_reference, load_reference


@dataclass(frozen=True)
class Entry:
    """One registered thing: its name, the object, and the line that ``landscape list`` prints."""

    name: str
    value: Any
    summary: str


class Registry:
    """Names of one kind of thing; its modules are imported when a name is first asked for.

    Args:
        kind: What the things are called in messages, such as ``"model"``.
        package: The package whose modules register them; a new module in it is found by itself.

    Example:
        >>> from landscape.registry import models
        >>> "mlp" in models.names()
        True
    """

    def __init__(self, kind: str, package: str) -> None:
        self.kind = kind
        self._package = package
        self._entries: dict[str, Entry] = {}
        self._loaded = False

    def register(self, name: str, summary: str) -> Callable[[Any], Any]:
        """Return a decorator that enters an object under ``name``."""

        def enter(value: Any) -> Any:
            self._entries[name] = Entry(name, value, summary)
            return value

        return enter

    def entries(self) -> tuple[Entry, ...]:
        """Return everything registered, in alphabetical order."""
        self._load()
        return tuple(self._entries[name] for name in sorted(self._entries))

    def names(self) -> tuple[str, ...]:
        """Return the registered names, in alphabetical order."""
        return tuple(entry.name for entry in self.entries())

    def __getitem__(self, name: str) -> Entry:
        """Return the entry of ``name``, which may also be ``file.py:attribute`` or ``module:attribute``.

        Raises:
            UsageError: If there is no such name.
        """
        self._load()
        if name in self._entries:
            return self._entries[name]
        prefix, colon, rest = name.partition(":")
        if colon and f"{prefix}:NAME" in self._entries:
            family = self._entries[f"{prefix}:NAME"]
            return Entry(name, family.value(rest), family.summary)
        if is_reference(name):
            return Entry(name, load_reference(name), f"from {name}")
        known = self.names()
        raise UsageError(
            f"There is no {self.kind} {name!r}.{suggest(name, known)} Known: {', '.join(known)}; "
            f"'file.py:attribute' works too."
        )

    def _load(self) -> None:
        if self._loaded:
            return
        package = importlib.import_module(self._package)
        for module in pkgutil.iter_modules(package.__path__, f"{self._package}."):
            importlib.import_module(module.name)
        self._loaded = True


datasets = Registry("data set", "landscape.data")
models = Registry("model", "landscape.models")
losses = Registry("loss", "landscape.losses")
optimizers = Registry("optimizer", "landscape.training.optimizers")
measures = Registry("measure", "landscape.measures")
