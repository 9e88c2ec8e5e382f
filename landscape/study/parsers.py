"""Words from a command line, or typed values from a TOML file, to checked values."""

import math
import re
from collections.abc import Callable, Mapping
from typing import Any

from landscape.plain_folder import OnlyRead
from landscape.shapes import LARGEST
from landscape.stops import parse_stop
from landscape.weight_average import WeightAverage

Parser = Callable[[Any], Any]


def word(value: Any) -> str:
    """Return a non-empty text.

    Raises:
        ValueError: If it is none.
    """
    if not isinstance(value, str) or not value.strip():
        raise ValueError("a word")
    return value.strip()


def folder(value: Any) -> str:
    """Return a non-empty path, which stays one of a file."""
    return OnlyRead(word(value)) if isinstance(value, OnlyRead) else word(value)


def integer(least: int, most: int = LARGEST) -> Parser:
    """Return a parser of whole numbers from ``least`` on, up to ``most``."""
    expected = f"a whole number, {least} or more" if most == LARGEST else f"a whole number from {least} to {most}"

    def parse(value: Any) -> int:
        if isinstance(value, str) and len(value) <= 40 and value.strip().lstrip("+-").isdecimal():
            value = int(value)
        if isinstance(value, int) and not isinstance(value, bool) and least <= value <= most:
            return value
        number = _number(value, expected)
        if number != int(number) or not least <= number <= most:
            raise ValueError(expected)
        return int(number)

    return parse


def positive(value: Any) -> float:
    """Return a positive finite number.

    Raises:
        ValueError: If it is none.
    """
    number = _number(value, "a positive number")
    if not number > 0:
        raise ValueError("a positive number")
    return number


def non_negative(value: Any) -> float:
    """Return a finite number that is 0 or more.

    Raises:
        ValueError: If it is none.
    """
    number = _number(value, "a number, 0 or more")
    if not number >= 0:
        raise ValueError("a number, 0 or more")
    return number


def fraction(value: Any) -> float:
    """Return a number from 0 to 1.

    Raises:
        ValueError: If it is none.
    """
    number = _number(value, "a number from 0 to 1")
    if not 0 <= number <= 1:
        raise ValueError("a number from 0 to 1")
    return number


def share(value: Any) -> float:
    """Return a number above 0, up to 1.

    Raises:
        ValueError: If it is none.
    """
    number = _number(value, "a number above 0, up to 1")
    if not 0 < number <= 1:
        raise ValueError("a number above 0, up to 1")
    return number


def truth(value: Any) -> bool:
    """Return true or false.

    Raises:
        ValueError: If it is neither.
    """
    if isinstance(value, bool):
        return value
    if str(value).lower() not in {"true", "false"}:
        raise ValueError("true or false")
    return str(value).lower() == "true"


def one_of(*words: str) -> Parser:
    """Return a parser that takes one of some words."""

    def parse(value: Any) -> str:
        if value not in words:
            raise ValueError(f"one of {', '.join(words)}")
        return str(value)

    return parse


def stride(value: Any) -> tuple[int, str]:
    """Return (count, "steps" or "epochs") from ``50`` (steps), ``50steps`` or ``2epochs``.

    Raises:
        ValueError: If it is neither.
    """
    match = re.fullmatch(r"\s*(\d+)\s*(steps?|epochs?)?\s*", str(value))
    if match is None or int(match[1]) < 1:
        raise ValueError("a number of steps, or of epochs such as 2epochs")
    return int(match[1]), "epochs" if (match[2] or "").startswith("epoch") else "steps"


def average(value: Any) -> str:
    """Return the name of an average of the weights, such as ``ema:0.999``, spelled as files spell it.

    Raises:
        ValueError: If it is none.
    """
    return WeightAverage.parse(value).name


def stop(value: Any) -> str:
    """Return which minimum of a run is meant, spelled as files spell it.

    Raises:
        ValueError: If it is none of these.
    """
    return parse_stop(value)


def num_bytes(value: Any) -> int:
    """Return a number of bytes from words such as ``500MB``, ``8GB`` or ``2GiB``.

    Raises:
        ValueError: If it is none, or less than a byte.
    """
    expected = "a size such as 500MB, 8GB or 2GiB"
    match = re.fullmatch(r"\s*([\d.]+)\s*([kmgt]?)(i?)(b?)\s*", str(value), re.IGNORECASE)
    if match is None or (match[3] and not match[2]):
        raise ValueError(expected)
    unit = (1024 if match[3] else 1000) ** " kmgt".index(match[2].lower() or " ")
    count = int(_number(match[1], expected) * unit)
    if count < 1:
        raise ValueError(expected)
    return count


def optional(parser: Parser) -> Parser:
    """Return a parser that also takes None, and "none"."""
    return lambda value: None if value is None or value == "none" else parser(value)


def batch_size(value: Any) -> int | str:
    """Return "full" or a positive whole number.

    Raises:
        ValueError: If it is neither.
    """
    if value == "full":
        return "full"
    try:
        return int(integer(1)(value))
    except ValueError:
        raise ValueError("'full' or a whole number, 1 or more") from None


def several(parser: Parser, *, split: bool = True) -> Parser:
    """Return a parser of one value or several (a TOML list, or words, which commas ``split``) to a tuple."""

    def parse(value: Any) -> tuple[Any, ...]:
        parts = _listed(value)
        return _distinct(tuple(parser(each) for part in parts for each in (_split(part) if split else [part])))

    return parse


def _distinct(values: tuple[Any, ...]) -> tuple[Any, ...]:
    if len(set(values)) != len(values):
        raise ValueError("a list without repetitions")
    return values


def by_optimizer(parser: Parser) -> Parser:
    """Return a parser of values for all optimizers (under ``"*"``) or for some by name.

    Takes ``0.1,0.2``, ``sgd=0.1,0.2``, a TOML list, or a TOML table of lists.
    """
    many = several(parser)

    def parse(value: Any) -> dict[str, tuple[Any, ...]]:
        if isinstance(value, Mapping):
            return _filled({str(name): many(each) for name, each in value.items()})
        result: dict[str, tuple[Any, ...]] = {}
        for part in _listed(value):
            name, equals, rest = part.rpartition("=") if isinstance(part, str) else ("", "", part)
            key = name if equals else "*"
            result[key] = _distinct(result.get(key, ()) + many(rest))
        return _filled(result)

    return parse


def _filled(table: dict[str, tuple[Any, ...]]) -> dict[str, tuple[Any, ...]]:
    if not all(table.values()):
        raise ValueError("one value or more")
    return table


def options(value: Any) -> dict[str, Any]:
    """Return options as a mapping, from a TOML table or from ``KEY=VALUE`` words; values are checked by their owner.

    Raises:
        ValueError: If a word has no ``=``.
    """
    if isinstance(value, Mapping):
        return {str(key): dict(each) if isinstance(each, Mapping) else each for key, each in value.items()}
    result: dict[str, Any] = {}
    for part in _listed(value):
        key, equals, rest = str(part).partition("=")
        if not equals or not key:
            raise ValueError("KEY=VALUE")
        owner, dot, inner = key.rpartition(".")
        if dot:
            table = result.setdefault(owner, {})
            if not isinstance(table, dict):
                raise ValueError("KEY=VALUE, and not both an option and a table of them")
            table[inner] = rest
        else:
            result[key] = rest
    return result


def _number(value: Any, expected: str) -> float:
    if isinstance(value, bool):
        raise ValueError(expected)
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        raise ValueError(expected) from None
    if not math.isfinite(number):
        raise ValueError(expected)
    return number


def _listed(value: Any) -> list[Any]:
    return list(value) if isinstance(value, list | tuple) else [value]


def _split(part: Any) -> list[Any]:
    return [each for each in part.split(",") if each.strip()] if isinstance(part, str) else [part]
