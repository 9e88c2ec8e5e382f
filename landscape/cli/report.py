"""``landscape report``: figures, tables and HTML again."""

from pathlib import Path

import click


@click.command("report")
@click.argument("folder", type=click.Path(path_type=Path), metavar="DIR")
@click.option("--debug", is_flag=True, help="Show the traceback of an error.")
def command(folder: Path, debug: bool) -> None:
    """Draw figures, tables and report.html again, from the files in DIR; torch is not needed."""
    from landscape.report import write_report

    for path in write_report(folder):
        click.echo(path)
