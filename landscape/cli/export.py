"""``landscape export``: a study's numbers for other programs."""

from pathlib import Path

import click

from landscape.errors import UsageError


@click.command("export")
@click.argument("folder", type=click.Path(path_type=Path), metavar="DIR")
@click.option("--csv", "as_csv", is_flag=True, help="One tidy table: a row for each run, stop and measure.")
@click.option(
    "--out", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE", help="File; standard output without it."
)
@click.option("--debug", is_flag=True, help="Show the traceback of an error.")
def command(folder: Path, as_csv: bool, out: Path | None, debug: bool) -> None:
    """Write a study's measurements as one tidy table, from its report.json; torch is not needed.

    Each row has the run's hyper-parameters, what is known of the minimum, one measurement with its error, and whether
    the statistics take it.
    """
    _check(folder, as_csv)
    from landscape.plain_folder import refuse_links_out
    from landscape.report.folder import as_written, read_report
    from landscape.report.tidy_table import tidy_table
    from landscape.store import write_text

    refuse_links_out(folder, "report.json")
    with as_written(folder / "report.json", f"landscape relate {folder}"):
        table = tidy_table(read_report(folder))
    if out is None:
        click.echo(table, nl=False)
        return
    write_text(out, table)
    click.echo(out)


def _check(folder: Path, as_csv: bool) -> None:
    if not as_csv:
        raise UsageError(f"No format is asked for. Type 'landscape export {folder} --csv'.")
