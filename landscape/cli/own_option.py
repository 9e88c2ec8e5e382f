"""Options of one command that are no keys of a study."""

from collections.abc import Callable
from typing import Any

import click

from landscape.cli.study_flags import Decorator
from landscape.errors import UsageError


def own_option(
    *names: str, metavar: str, parse: Callable[[Any], Any] = str, default: Any = None, help: str, several: bool = False
) -> Decorator:
    """Return an option that the environment can set, parsed as keys of a study are."""
    key = names[0].removeprefix("--").replace("-", "_")

    def checked(context: click.Context, option: click.Parameter, value: Any) -> Any:
        if value in (None, ()):
            return default
        try:
            return parse(value)
        except ValueError as error:
            raise UsageError(f"{names[0]} must be {error}; it is {value!r}.") from None

    shown = help if default in (None, {}, ()) else f"{help}  [default: {_shown(default)}]"
    return click.option(
        *names,
        metavar=metavar,
        callback=checked,
        multiple=several,
        envvar=None if several else f"LANDSCAPE_{key.upper()}",
        help=shown,
    )


def _shown(default: Any) -> str:
    return ",".join(map(str, default)) if isinstance(default, tuple) else str(default)
