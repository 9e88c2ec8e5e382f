"""What a value out of a file has to look like, said by small functions that are put together."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

Shape = Callable[[Any], None]
"""Looks at a value and raises `Misshapen` where it is another one."""

LARGEST = 2**63 - 1
"""Whole numbers beyond it are no counts, seeds or sizes of ours, and no array holds them."""


class Misshapen(ValueError):
    """A value that is not what it should be.

    Args:
        expected: What it should be.
        place: Keys and indices that lead to it, the outermost first.
    """

    def __init__(self, expected: str, place: tuple[str, ...] = ()) -> None:
        where = f"{'.'.join(place)} is" if place else "it is"
        super().__init__(f"{where} not {expected}")
        self.expected, self.place = expected, place


def text(value: Any) -> None:
    """Take a text."""
    if not isinstance(value, str):
        raise Misshapen("a text")


def number(value: Any) -> None:
    """Take a number; true and false are none."""
    if type(value) not in (int, float) or (type(value) is int and abs(value) > LARGEST):
        raise Misshapen("a number")


def whole(value: Any) -> None:
    """Take a whole number from 0 on."""
    if type(value) is not int or not 0 <= value <= LARGEST:
        raise Misshapen("a whole number, 0 or more")


def truth(value: Any) -> None:
    """Take true or false."""
    if not isinstance(value, bool):
        raise Misshapen("true or false")


def plain(value: Any) -> None:
    """Take a text, a number, true, false or nothing."""
    if not isinstance(value, str | None | bool):
        number(value)


def option(value: Any) -> None:
    """Take the value of an option: a word, a number, or a list of them."""
    for each in value if isinstance(value, list) else [value]:
        plain(each)


def anything(value: Any) -> None:
    """Take everything."""


def optional(shape: Shape) -> Shape:
    """Return the shape of what may also be nothing."""

    def look(value: Any) -> None:
        if value is not None:
            shape(value)

    return look


def one_of(*words: object) -> Shape:
    """Return the shape of one of some words."""

    def look(value: Any) -> None:
        if value not in words:
            raise Misshapen(f"one of {', '.join(map(str, words))}")

    return look


def several(shape: Shape) -> Shape:
    """Return the shape of a list whose entries all have one shape."""

    def look(value: Any) -> None:
        if not isinstance(value, list):
            raise Misshapen("a list")
        _each(((str(index), each) for index, each in enumerate(value)), shape)

    return look


def table(shape: Shape, key: Shape = text) -> Shape:
    """Return the shape of an object with any keys, whose values all have one shape."""

    def look(value: Any) -> None:
        if not isinstance(value, dict):
            raise Misshapen("an object")
        _each(value.items(), shape)
        _each(((name, name) for name in value), key)

    return look


def record(required: Mapping[str, Shape], allowed: Mapping[str, Shape] | None = None) -> Shape:
    """Return the shape of an object with some keys, and maybe others; what is not named may be anything."""
    every = tuple({**(allowed or {}), **required}.items())

    def look(value: Any) -> None:
        if not isinstance(value, dict):
            raise Misshapen("an object")
        missing = required.keys() - value.keys()
        if missing:
            raise Misshapen("there", (min(missing),))
        name = ""
        try:
            for name, shape in every:
                if name in value:
                    shape(value[name])
        except Misshapen as error:
            raise Misshapen(error.expected, (name, *error.place)) from None

    return look


any_object = table(anything)
"""The shape of an object, whatever is in it."""


def _each(entries: Iterable[tuple[str, Any]], shape: Shape) -> None:
    for name, each in entries:
        try:
            shape(each)
        except Misshapen as error:
            raise Misshapen(error.expected, (name[:80], *error.place)) from None
