"""Whose code may run: any in a program of one's own; on the command line, only what the user named there.

A name such as ``file.py:attribute`` may come out of a stranger's folder by any way: a study.toml, a record of a search,
the metadata of a checkpoint. So the one place that runs the code of a name, `landscape.references`, asks here.
"""

import contextlib
from collections.abc import Iterable, Iterator

_named: set[str] | None = None
"""What may run; all where it is None."""


@contextlib.contextmanager
def only_code_of(words: Iterable[str]) -> Iterator[None]:
    """Let no code run but what the words of a command line name, and what `trust` adds.

    Args:
        words: As they were typed: ``mine.py:f``, ``base=mine.py:f``, ``trace,mine.py:f``.
    """
    global _named
    before, _named = _named, {each for word in words for each in _names_in(word)}
    try:
        yield
    finally:
        _named = before


def trust(names: Iterable[str]) -> None:
    """Let the code of some names run too."""
    if _named is not None:
        _named.update(names)


def is_trusted(name: str) -> bool:
    """Return whether the code of a name may run."""
    return _named is None or name in _named


def trusted() -> frozenset[str] | None:
    """Return the names whose code may run, for `inherit` in another process; None for all."""
    return None if _named is None else frozenset(_named)


def inherit(names: frozenset[str] | None) -> None:
    """Let run in this process, from now on, what may run in the one that started it."""
    global _named
    _named = None if names is None else set(names)


def _names_in(word: str) -> Iterator[str]:
    parts = word.split("=")
    for first in range(len(parts)):
        text = "=".join(parts[first:])
        yield from map(str.strip, (text, *text.split(",")))
