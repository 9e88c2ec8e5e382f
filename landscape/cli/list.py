"""``landscape list``: what there is."""

import json
import shutil
import sys
import textwrap
from collections.abc import Mapping

import click

KINDS = ("datasets", "models", "losses", "optimizers", "measures", "searches", "studies")


@click.command("list")
@click.argument("kind", type=click.Choice(KINDS))
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object and nothing else.")
@click.option("--debug", is_flag=True, help="Show the traceback of an error.")
def command(kind: str, as_json: bool, debug: bool) -> None:
    """Print the names of one kind of thing, one line each; FILE.py:ATTRIBUTE works wherever a name does.

    Of searches it prints what `landscape analyze --tune` draws for each optimizer: by the logarithm of the
    parameter, or (momentum, beta1, beta2, alpha) of one minus it. Of studies it prints those that
    `landscape analyze NAME` runs.
    """
    lines = {"searches": _searches, "studies": _studies}.get(kind, lambda: _entries(kind))()
    if as_json:
        click.echo(json.dumps(lines))
        return
    # one line each where it goes into a file or another program
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
    for line in listed(lines, width):
        click.echo(line)


def listed(entries: Mapping[str, str], width: int | None = None) -> list[str]:
    """Return a line for each name with its text, which goes on below where the line is wider than ``width``."""
    indent = max(map(len, entries)) + 2
    lines = [f"{name:<{indent}}{text}" for name, text in entries.items()]
    if width is None:
        return lines
    below = " " * min(indent, width // 2)
    return [part for line in lines for part in textwrap.wrap(line, width, subsequent_indent=below)]


def _entries(kind: str) -> dict[str, str]:
    from landscape import registry

    return {entry.name: entry.summary for entry in getattr(registry, kind).entries()}


def _studies() -> dict[str, str]:
    from landscape.study.ready_studies import ready_studies

    return ready_studies()


def _searches() -> dict[str, str]:
    from landscape.registry import optimizers
    from landscape.training.search_space import registered_space

    spaces = {
        entry.name: registered_space(entry.name, {}) for entry in optimizers.entries() if "NAME" not in entry.name
    }
    return {
        name: ", ".join(f"{key} {each}" for key, each in {"lr": space.pop("lr"), **space}.items())
        for name, space in spaces.items()
    }
