"""Options of networks and optimizers that have several levels, and so are factors of a study; without torch."""

import itertools
from collections.abc import Mapping
from typing import Any

LISTS = ("betas", "widths", "channels")
"""Options whose value is a list itself: of these only a list of lists is a factor."""

Level = tuple[tuple[str, Any], ...]
"""One level of each of some options, by name; lists are tuples."""


def option_levels(value: Any) -> dict[str, Any]:
    """Return options by name, from a TOML table or from ``KEY=VALUE`` words; several levels of one are a tuple.

    A list is several levels, a list of lists several lists; for options that are lists themselves (``betas``) a flat
    list is their value. On a command line an option that is named again has another level.

    Raises:
        ValueError: If a word has no ``=``, or levels are repeated or none.

    Example:
        >>> option_levels({"momentum": [0.0, 0.9], "betas": [0.9, 0.99], "sam": {"rho": 0.1}})
        {'momentum': (0.0, 0.9), 'betas': [0.9, 0.99], 'sam': {'rho': 0.1}}
        >>> option_levels(["widths=32", "widths=64,64", "sgd.momentum=0"])
        {'widths': ([32], [64, 64]), 'sgd': {'momentum': '0'}}
    """
    table = value if isinstance(value, Mapping) else _collected(value)
    return {
        str(name): _table(each) if isinstance(each, Mapping) else _levels(name, each) for name, each in table.items()
    }


def is_factor(value: Any) -> bool:
    """Return whether an option has levels to choose among, one at least."""
    return isinstance(value, tuple)


def own_table(options: Mapping[str, Any], owner: str) -> dict[str, Any]:
    """Return the options that are for one network or optimizer alone."""
    found = options.get(owner, {})
    return dict(found) if isinstance(found, Mapping) else {}


def shared_table(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options that are for every one."""
    return {name: each for name, each in options.items() if not isinstance(each, Mapping)}


def combinations(table: Mapping[str, Any]) -> list[Level]:
    """Return every combination of the levels of a table's factors; one, of nothing, where it has none."""
    factors = {name: each for name, each in table.items() if is_factor(each)}
    chosen = itertools.product(*([_frozen(level) for level in each] for each in factors.values()))
    return [tuple(zip(factors, each, strict=True)) for each in chosen]


def chosen(options: Mapping[str, Any], owner: str, level: Level) -> dict[str, Any]:
    """Return the options of one network or optimizer, with one level of each that has several."""
    fixed = {**shared_table(options), **own_table(options, owner)}
    return {**{name: each for name, each in fixed.items() if not is_factor(each)}, **dict(level)}


def level_word(value: Any) -> Any:
    """Return a level as reports and names of files write it: a list as one word, others as they are."""
    return "x".join(map(str, value)) if isinstance(value, tuple) else value


def levels(options: Mapping[str, Any]) -> dict[str, tuple[Any, ...]]:
    """Return the levels of each option that has any, by its name, that of one owner's with the owner in front."""
    own = {
        f"{owner}.{name}": each
        for owner, table in options.items()
        if isinstance(table, Mapping)
        for name, each in table.items()
    }
    return {name: each for name, each in {**shared_table(options), **own}.items() if is_factor(each)}


def varied(options: Mapping[str, Any]) -> list[str]:
    """Return the names of the options that have two levels or more."""
    return [name for name, each in levels(options).items() if len(each) > 1]


def _collected(value: Any) -> dict[str, Any]:
    """Return the words of a command line by key, those of a key that is named again as levels."""
    found: dict[tuple[str, str], list[str]] = {}
    for part in value if isinstance(value, list | tuple) else [value]:
        key, equals, text = str(part).partition("=")
        owner, _, name = key.rpartition(".")
        if not equals or not name:
            raise ValueError("KEY=VALUE")
        found.setdefault((owner, name), []).append(text)
    table: dict[str, Any] = {}
    for (owner, name), texts in found.items():
        given = texts[0] if len(texts) == 1 else [_typed(name, text) for text in texts]
        if owner:
            inner = table.setdefault(owner, {})
            if not isinstance(inner, dict):
                raise ValueError("KEY=VALUE, and not both an option and a table of them")
            inner[name] = given
        elif isinstance(table.get(name), dict):
            raise ValueError("KEY=VALUE, and not both an option and a table of them")
        else:
            table[name] = given
    return table


def _typed(name: str, text: str) -> Any:
    """Return a level as a file would give it, so that levels can be put in order."""
    if name in LISTS:
        return [_number(part) for part in text.split(",") if part.strip()]
    return _number(text)


def _number(text: str) -> Any:
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text.strip()


def _table(table: Mapping[str, Any]) -> dict[str, Any]:
    return {str(name): _levels(name, each) for name, each in table.items()}


def _levels(name: str, value: Any) -> Any:
    if not isinstance(value, list | tuple):
        return value
    nested = [isinstance(each, list | tuple) for each in value]
    if name in LISTS and not any(nested):
        return list(value)
    flat = [part for each in value for part in (each if isinstance(each, list | tuple) else [each])]
    if not value or (any(nested) and not all(nested)) or any(isinstance(part, list | tuple | dict) for part in flat):
        raise ValueError("values, or lists of one value or more")
    if not all(nested) and len(value) == 1:
        return value[0]
    found = tuple(list(each) if isinstance(each, list | tuple) else each for each in value)
    if len({_frozen(each) for each in found}) < len(found):
        raise ValueError("a list without repetitions")
    return found


def _frozen(level: Any) -> Any:
    return tuple(level) if isinstance(level, list) else level
