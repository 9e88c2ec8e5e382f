"""Options of an optimizer, as text or typed, checked against the signature of what takes them."""

import inspect
import math
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from landscape.errors import UsageError, suggest

_NOT_OFFERED = {"lr", "foreach", "fused", "capturable", "differentiable", "maximize"}
"""The learning rate has its own flag; the others choose among implementations, or turn descent into ascent."""


def parse_optimizer_options(
    owner: str, build: Callable[..., Any], offered: Sequence[str] | None, given: Mapping[str, Any]
) -> dict[str, Any]:
    """Return every offered option with its value: the given one, parsed, or the default of the signature.

    Args:
        owner: Name of the optimizer, for messages.
        build: Its class or factory; the type of each default says how text is read.
        offered: The options that may be given; None means all of the signature.
        given: Option to value, as text (``"0.9,0.95"``, ``"true"``) or typed.

    Raises:
        UsageError: If an option is unknown or its value cannot be read.

    Example:
        >>> import torch
        >>> parse_optimizer_options("adam", torch.optim.Adam, ("betas", "eps"), {"betas": "0.9,0.95"})
        {'betas': (0.9, 0.95), 'eps': 1e-08}
    """
    defaults, open_ended = _defaults_of(build)
    names = [name for name in (offered or defaults) if name in defaults]
    options = {name: defaults[name] for name in names if defaults[name] is not inspect.Parameter.empty}
    for name, value in given.items():
        if name not in names and not (open_ended and name not in _NOT_OFFERED):
            raise UsageError(_unknown(owner, name, names))
        options[name] = _read_option(owner, name, value, defaults.get(name))
    missing = [name for name in names if name not in options]
    if missing:
        raise UsageError(f"The optimizer {owner!r} needs a value for: {', '.join(missing)}.")
    return options


def option_names(build: Callable[..., Any]) -> tuple[str, ...]:
    """Return the options that the signature of a class or factory names."""
    return tuple(_defaults_of(build)[0])


def check_ranges(owner: str, options: Mapping[str, Any], ranges: Mapping[str, tuple[float, float]]) -> None:
    """Refuse options outside [lowest allowed, first forbidden); where the lowest is an int, also what is not whole.

    Raises:
        UsageError: If one is outside.
    """
    for name, (low, high) in ranges.items():
        value = options.get(name)
        parts = value if isinstance(value, tuple) else (value,)
        shown = ",".join(f"{each:g}" if isinstance(each, int | float) else repr(each) for each in parts)
        given = [each for each in parts if each is not None]
        if not all(isinstance(each, int | float) and not isinstance(each, bool) for each in given):
            raise UsageError(f"{name} of {owner!r} must be a number; it is {shown}.")
        if not all(low <= each < high for each in given):
            bound = f" and below {high:g}" if math.isfinite(high) else ""
            raise UsageError(f"{name} of {owner!r} must be at least {low:g}{bound}; it is {shown}.")
        if isinstance(low, int) and not all(each == int(each) for each in given):
            raise UsageError(f"{name} of {owner!r} must be a whole number; it is {shown}.")


def check_choices(owner: str, options: Mapping[str, Any], choices: Mapping[str, Sequence[Any]]) -> None:
    """Refuse options that are none of the words which they can be.

    Raises:
        UsageError: If one is none.
    """
    for name, known in choices.items():
        if options.get(name) not in known:
            words = [each for each in known if each is not None]
            listed = " or ".join(["none", *words] if None in known else words)
            raise UsageError(
                f"{name} of {owner!r} must be {listed}; it is {options.get(name)!r}."
                f"{suggest(str(options.get(name)), words)}"
            )


def _defaults_of(build: Callable[..., Any]) -> tuple[dict[str, Any], bool]:
    """Return option to default, and whether any further keyword is taken."""
    try:
        parameters = list(inspect.signature(build).parameters.values())[1:]
    except ValueError as error:  # something built in
        raise UsageError(f"The optimizer cannot be made by {build!r}: {error}.") from error
    named = {
        each.name: each.default
        for each in parameters
        if each.kind in {each.POSITIONAL_OR_KEYWORD, each.KEYWORD_ONLY} and each.name not in _NOT_OFFERED
    }
    return named, any(each.kind is each.VAR_KEYWORD for each in parameters)


def _unknown(owner: str, name: str, names: Sequence[str]) -> str:
    if name == "lr":
        return f"lr is no option of {owner!r}: it is a setting of its own, --lr."
    listed = f"It takes: {', '.join(names)}." if names else "It takes none."
    return f"The optimizer {owner!r} has no option {name!r}.{suggest(name, names)} {listed}"


def _read_option(owner: str, name: str, value: Any, default: Any) -> Any:
    try:
        return _read(value, default)
    except ValueError as error:
        raise UsageError(f"{name} of the optimizer {owner!r} must be {error}; it is {value!r}.") from None


def _read(value: Any, default: Any) -> Any:
    """Return the value in the type of the default; the ValueError says what was expected."""
    if isinstance(default, bool):
        return _truth(value)
    if isinstance(default, tuple):
        return _numbers(value, default)
    if isinstance(default, int | float):
        return _number(value)
    if isinstance(default, str):
        return str(value)
    return _guess(value)


def _truth(value: Any) -> bool:
    if isinstance(value, str) and value.lower() in {"true", "false"}:
        return value.lower() == "true"
    if isinstance(value, bool):
        return value
    raise ValueError("true or false")


def _numbers(value: Any, default: tuple[Any, ...]) -> tuple[Any, ...]:
    parts = value.strip("()[] ").split(",") if isinstance(value, str) else value
    if not isinstance(parts, list | tuple) or len(parts) != len(default):
        raise ValueError(f"{len(default)} numbers such as {','.join(map(str, default))}")
    return tuple(_read(part, each) for part, each in zip(parts, default, strict=True))


def _number(value: Any) -> float:
    if isinstance(value, str):
        whole = re.fullmatch(r"\s*[+-]?\d+\s*", value)
        try:
            value = int(value) if whole else float(value)
        except ValueError:
            raise ValueError("a number") from None
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ValueError("a finite number")
    return value


def _guess(value: Any) -> Any:
    """Read text whose option has no default to tell its type: none, true, false, a number, or a word."""
    if not isinstance(value, str):
        return value if not isinstance(value, float) else _number(value)
    if value.lower() == "none":
        return None
    if value.lower() in {"true", "false"}:
        return value.lower() == "true"
    return _number(value) if re.fullmatch(r"\s*[+-]?[\d.].*|[+-]?(nan|inf)", value.lower()) else value
