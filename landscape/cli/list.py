"""``landscape list``: what there is."""

import json

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
    width = max(map(len, lines))
    for name, text in lines.items():
        click.echo(f"{name:<{width}}  {text}")


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
