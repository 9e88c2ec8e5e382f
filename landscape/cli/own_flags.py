"""A flag of one command alone, that the environment can set too."""

from collections.abc import Callable
from typing import Any

import click

from landscape.cli.study_flags import Decorator
from landscape.errors import UsageError


def own_flag(*names: str, metavar: str, parse: Callable[[Any], Any] = str, default: Any = None, help: str) -> Decorator:
    """Return an option that the environment can set, parsed as keys of a study are."""
    key = names[0].removeprefix("--").replace("-", "_")

    def checked(context: click.Context, option: click.Parameter, value: Any) -> Any:
        if value is None:
            return default
        try:
            return parse(value)
        except ValueError as error:
            raise UsageError(f"{names[0]} must be {error}; it is {value!r}.") from None

    shown = help if default is None else f"{help}  [default: {default}]"
    return click.option(*names, metavar=metavar, callback=checked, envvar=f"LANDSCAPE_{key.upper()}", help=shown)
