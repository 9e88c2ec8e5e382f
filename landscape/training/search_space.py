"""What a hyper-parameter search draws for an optimizer, and the options that a draw stands for."""

import inspect
import math
from collections.abc import Mapping
from typing import Any

from landscape.errors import UsageError, suggest
from landscape.training.optimizer_definition import optimizer_definition
from landscape.training.search_range import SearchRange

BETAS = ("beta1", "beta2")
"""Names under which the two numbers of the option ``betas`` are drawn."""


def registered_space(name: str, options: Mapping[str, Any]) -> dict[str, SearchRange]:
    """Return the ranges that an optimizer is registered with; those of its base too, where it goes around one.

    Args:
        name: What the registry knows.
        options: Options that are given; only the name of a base matters.
    """
    definition = optimizer_definition(name)
    space = dict(definition.search)
    if definition.wraps:
        base = options.get(definition.wraps, inspect.signature(definition.build).parameters[definition.wraps].default)
        space = {**registered_space(str(base), {}), **space}
    return space


def search_space(
    name: str, fixed: Mapping[str, Any], given: Mapping[str, Any], shared: Mapping[str, Any]
) -> dict[str, SearchRange]:
    """Return the range of each parameter that a search draws for an optimizer, the learning rate first.

    Args:
        name: What the registry knows.
        fixed: Options that are given, and so are not drawn.
        given: Parameter to its range for this optimizer, as ``"LOW,HIGH"`` or two numbers.
        shared: The same for every optimizer that has the parameter.

    Raises:
        UsageError: If a range makes no sense, or the learning rate has none.
    """
    space = registered_space(name, fixed)
    ranges = {**{key: each for key, each in shared.items() if key in space or key == "lr"}, **given}
    for key, ends in ranges.items():
        if key in fixed or (key in BETAS and "betas" in fixed):
            raise UsageError(f"{key} of {name!r} is given and has a range to be drawn from too. Keep one.")
        space[key] = _range(name, key, ends, space.get(key))
    drawn = {key: each for key, each in space.items() if key not in fixed and not (key in BETAS and "betas" in fixed)}
    if "lr" not in drawn:
        raise UsageError(
            f"No range is registered for the learning rate of {name!r}. Type --tune-range {name}.lr=1e-4,1 or so."
        )
    return {"lr": drawn.pop("lr"), **drawn}


def drawn_options(name: str, values: Mapping[str, float], fixed: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options that drawn values are, all but the learning rate: ``beta1`` and ``beta2`` become ``betas``."""
    options: dict[str, Any] = {key: each for key, each in values.items() if key != "lr" and key not in BETAS}
    betas = [values.get(key) for key in BETAS]
    if any(each is not None for each in betas):
        usual = _usual_betas(name, fixed)
        options["betas"] = tuple(each if value is None else value for value, each in zip(betas, usual, strict=True))
    return options


def _usual_betas(name: str, fixed: Mapping[str, Any]) -> tuple[float, float]:
    definition = optimizer_definition(name)
    parameters = inspect.signature(definition.build).parameters
    if definition.wraps and "betas" not in parameters:
        return _usual_betas(str(fixed.get(definition.wraps, parameters[definition.wraps].default)), {})
    if "betas" not in parameters:
        raise UsageError(f"{name!r} has no betas, so beta1 and beta2 cannot be drawn. Leave out their range.")
    first, second = definition.defaults.get("betas", parameters["betas"].default)
    return first, second


def _range(name: str, key: str, ends: Any, usual: SearchRange | None) -> SearchRange:
    """Return the range with other ends, on the scale that the parameter is registered with (else logarithmic)."""
    parts = ends.split(",") if isinstance(ends, str) else ends
    try:
        low, high = (float(each) for each in parts)
    except (TypeError, ValueError):
        raise UsageError(
            f"The range of {key} of {name!r} must be two numbers, LOW,HIGH; it is {ends!r}. "
            f"Type --tune-range {name}.{key}=1e-4,1e-1 or so."
        ) from None
    complement = usual.complement if usual else key in {"momentum", *BETAS}
    found = SearchRange(low, high, complement)
    if not found.has_sense or math.isnan(low + high):
        limits = "from 0 to below 1" if complement else "positive"
        raise UsageError(
            f"The range of {key} of {name!r} is drawn by logarithms{' of one minus it' if complement else ''}: "
            f"its ends must be {limits}, and ascending; they are {low:g} and {high:g}."
        )
    return found


def check_shared(names: Mapping[str, Mapping[str, SearchRange]], shared: Mapping[str, Any]) -> None:
    """Refuse a range for every optimizer of a parameter that none of them has.

    Raises:
        UsageError: If there is one.
    """
    known = sorted({key for space in names.values() for key in space})
    for key in shared:
        if key not in known:
            raise UsageError(
                f"A range is given for {key!r}, which is drawn for none of {', '.join(names)}."
                f"{suggest(key, known)} Drawn are: {', '.join(known)}."
            )
