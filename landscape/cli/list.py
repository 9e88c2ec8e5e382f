"""``landscape list``: what there is."""

import json

import click

KINDS = ("datasets", "models", "losses", "optimizers", "measures")


@click.command("list")
@click.argument("kind", type=click.Choice(KINDS))
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object and nothing else.")
@click.option("--debug", is_flag=True, help="Show the traceback of an error.")
def command(kind: str, as_json: bool, debug: bool) -> None:
    """Print the names of one kind of thing, one line each; FILE.py:ATTRIBUTE works wherever a name does."""
    from landscape import registry

    entries = getattr(registry, kind).entries()
    if as_json:
        click.echo(json.dumps({entry.name: entry.summary for entry in entries}))
        return
    width = max(len(entry.name) for entry in entries)
    for entry in entries:
        click.echo(f"{entry.name:<{width}}  {entry.summary}")
