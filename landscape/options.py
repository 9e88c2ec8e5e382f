"""Options of a data set or model: the keyword parameters of the function that makes it, parsed to their types."""

import inspect
import math
from collections.abc import Callable, Mapping
from typing import Annotated, Any, Literal, get_args, get_origin

from landscape.errors import UsageError, suggest

Size = Annotated[int, 1]
"""A whole number of at least 1. The number in ``Annotated`` is the smallest that an option may be."""

Scale = Annotated[float, 0]
"""A finite number of at least 0."""

TRUTH = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}


def parse_options(
    function: Callable[..., Any], given: Mapping[str, Any] | None, owner: str, reserved: tuple[str, ...] = ()
) -> dict[str, Any]:
    """Return keyword arguments for ``function``: the options as typed values.

    An option's type is its parameter's annotation, or else the type of its default. Strings come from the
    command line and typed values from a file or Python; both are understood.

    Args:
        function: Its parameters are the options, except those in ``reserved``.
        given: Options by name.
        owner: Whose options they are, for messages, such as ``"model 'mlp'"``.
        reserved: Parameters that no option may set.

    Raises:
        UsageError: If there is no such option, or its value cannot be what it must be.
    """
    if not given:
        return {}
    parameters = _parameters(function)
    anything = any(each.kind is each.VAR_KEYWORD for each in parameters.values())
    named = (inspect.Parameter.KEYWORD_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    kinds = {name: _kind(each) for name, each in parameters.items() if each.kind in named and name not in reserved}
    for name in given:
        if name not in kinds and (name in reserved or not anything):
            known = f"Known: {', '.join(kinds)}." if kinds else "It has none."
            raise UsageError(f"{owner} has no option {name!r}.{suggest(name, kinds)} {known}")
    return {name: _parse(value, kinds.get(name), f"Option {name!r} of {owner}") for name, value in given.items()}


def _parameters(function: Callable[..., Any]) -> Mapping[str, inspect.Parameter]:
    try:
        return inspect.signature(function, eval_str=True).parameters
    except NameError:  # an annotation that only a type checker can see
        return inspect.signature(function).parameters


def _kind(parameter: inspect.Parameter) -> Any:
    if parameter.annotation is not parameter.empty:
        return parameter.annotation
    return None if parameter.default is parameter.empty else type(parameter.default)


def _parse(value: Any, kind: Any, what: str) -> Any:
    smallest = -math.inf
    if get_origin(kind) is Annotated:
        kind, smallest = get_args(kind)
    if get_origin(kind) is Literal:
        return _choice(value, get_args(kind), what)
    if get_origin(kind) is tuple and get_args(kind)[1:] == (...,):
        return tuple(_parse(part, get_args(kind)[0], f"Each of {what}") for part in _parts(value))
    if kind is bool:
        return _truth(value, what)
    if kind in (int, float):
        return _number(value, kind, smallest, what)
    return value if kind is str else _guess(value)


def _parts(value: Any) -> list[Any]:
    if isinstance(value, str):
        return [part.strip() for part in value.split(",")] if value.strip() else []
    return list(value) if isinstance(value, list | tuple) else [value]


def _choice(value: Any, choices: tuple[str, ...], what: str) -> Any:
    if value in choices:
        return value
    raise UsageError(f"{what} cannot be {value!r}.{suggest(str(value), choices)} One of: {', '.join(choices)}.")


def _truth(value: Any, what: str) -> bool:
    spelled = str(value).lower()
    if spelled not in TRUTH:
        raise UsageError(f"{what} is true or false, not {value!r}.")
    return TRUTH[spelled]


def _number(value: Any, kind: type[int] | type[float], smallest: float, what: str) -> float:
    try:
        # int("7") and int(7), but neither int(7.5) nor int(True).
        number = math.nan if isinstance(value, bool) else kind(value)
        exact = not isinstance(value, float) or number == value
    except (TypeError, ValueError, OverflowError):
        number, exact = math.nan, False
    if not (exact and math.isfinite(number) and number >= smallest):
        wanted = "a whole number" if kind is int else "a number"
        bound = f" of at least {smallest}" if math.isfinite(smallest) else ""
        raise UsageError(f"{what} is {wanted}{bound}, not {value!r}.")
    return number


def _guess(value: Any) -> Any:
    """Return a string of the command line as the bool or number that it spells, if it spells one."""
    if not isinstance(value, str):
        return value
    if value.lower() in ("true", "false"):
        return value.lower() == "true"
    for kind in (int, float):
        try:
            return kind(value)
        except ValueError:
            continue
    return value
