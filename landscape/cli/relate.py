"""``landscape relate``: the statistics of a study again."""

import json
from pathlib import Path

import click


@click.command("relate")
@click.argument("folder", type=click.Path(path_type=Path), metavar="DIR")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object and nothing else.")
@click.option("--debug", is_flag=True, help="Show the traceback of an error.")
def command(folder: Path, as_json: bool, debug: bool) -> None:
    """Compute the statistics of a study again, from its files; torch is not needed."""
    from landscape.report import summary
    from landscape.study.assemble import assemble

    report = assemble(folder)
    kept = ("verdict", "relations", "trade_offs")
    click.echo(json.dumps({key: report[key] for key in kept}) if as_json else summary(report))
