"""Which parameters make up theta: patterns matched on their names."""

import fnmatch
from collections.abc import Sequence

from landscape.errors import UsageError, suggest

_WRAPPERS = {"module", "_orig_mod"}
_MOST_LISTED = 6


def matching(names: Sequence[str], patterns: str | Sequence[str], kind: str = "trainable parameter") -> tuple[str, ...]:
    """Return the names that match, in their order: ``matching(names, ["layer4.*", "fc.weight"])``.

    Args:
        names: Names of parameters.
        patterns: Names with shell wildcards; a pattern also matches everything below a module of that name. Parts that
            only wrappers add (``module``, ``_orig_mod``) may be left out.
        kind: What the names are of, for the message.

    Raises:
        UsageError: If a pattern matches nothing.
    """
    patterns = [patterns] if isinstance(patterns, str) else list(patterns)
    chosen: set[str] = set()
    for pattern in patterns:
        found = names_of(names, pattern)
        if not found:
            modules = {part for name in names for part in _above(plain_name(name))}
            hint = suggest(pattern, [*map(plain_name, names), *sorted(modules)])
            raise UsageError(f"No {kind} matches {pattern!r}.{hint} Names: {_some(names)}.")
        chosen |= found
    return tuple(name for name in names if name in chosen)


def names_of(names: Sequence[str], pattern: str) -> set[str]:
    """Return the names that match one pattern."""
    return {name for name in names if _matches(name, pattern) or _matches(plain_name(name), pattern)}


def plain_name(name: str) -> str:
    """Return a parameter's name without the parts that only wrappers add."""
    return ".".join(part for part in name.split(".") if part not in _WRAPPERS)


def _matches(name: str, pattern: str) -> bool:
    return fnmatch.fnmatchcase(name, pattern) or fnmatch.fnmatchcase(name, f"{pattern}.*")


def _above(name: str) -> list[str]:
    parts = name.split(".")
    return [".".join(parts[:count]) for count in range(1, len(parts))]


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - _MOST_LISTED} more" if len(names) > _MOST_LISTED else ""
    return ", ".join(names[:_MOST_LISTED]) + more
