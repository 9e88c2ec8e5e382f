"""``landscape report``: figures, tables and HTML again."""

from pathlib import Path

import click

VENUES = ("neurips", "icml", "iclr", "jmlr")
style_flag = click.option(
    "--style",
    "venue",
    type=click.Choice(VENUES),
    help="Draw the figures at a venue's text width and size of letters.",
)


@click.command("report")
@click.argument("folder", type=click.Path(path_type=Path), metavar="DIR")
@style_flag
@click.option("--debug", is_flag=True, help="Show the traceback of an error.")
def command(folder: Path, venue: str | None, debug: bool) -> None:
    """Draw figures, tables and report.html again, from the files in DIR; torch is not needed."""
    from landscape.report import write_report

    for path in write_report(folder, venue):
        click.echo(path)
