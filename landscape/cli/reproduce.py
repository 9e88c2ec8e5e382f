"""``landscape reproduce``: a study computed once more from its own record, and compared."""

import json
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

import click

from landscape.cli.own_option import own_option
from landscape.cli.progress import Progress
from landscape.cli.study_flags import allow_code
from landscape.study import parsers
from landscape.study.code_in_files import refuse_code_of


@click.command("reproduce")
@click.argument("folder", type=click.Path(path_type=Path), metavar="DIR")
@click.option("--run", "runs", multiple=True, metavar="ID", help="Only this run; repeat for more.")
@own_option("--jobs", metavar="N", parse=parsers.integer(1), help="Processes at once; as many as the first time.")
@click.option("--out", type=click.Path(path_type=Path), metavar="DIR", help="Keep the second time here.")
@allow_code
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object and nothing else.")
@click.option("--debug", is_flag=True, help="Show the traceback of an error.")
def command(
    folder: Path,
    runs: tuple[str, ...],
    jobs: int | None,
    out: Path | None,
    allow_code: bool,
    as_json: bool,
    debug: bool,
) -> None:
    """Train and measure a study again, from the record in its folder, and compare every number.

    On the same machine with the same versions and as many processes, all is the same to the bit but for times; where
    it is not, what changed in the environment stands beside it. Exits with 1 where a measured value differs by more
    than both its errors.
    """
    from landscape.report.reproduced import reproduced_text
    from landscape.store import finite
    from landscape.study.folder import asked_for, existing_folder, stored_config
    from landscape.study.reproduce import reproduce

    first = existing_folder(folder)
    refuse_code_of(asked_for(first), str(first.study), allowed=allow_code)
    refuse_code_of(stored_config(first), str(first.search))
    scratch = None if out is not None else tempfile.mkdtemp(prefix="landscape-")
    again = out or Path(str(scratch))
    progress = Progress()
    try:
        with progress.waiting():
            result = reproduce(folder, again, runs=runs, jobs=jobs, on_progress=progress)
    finally:
        if scratch is not None:
            shutil.rmtree(scratch)
    result = finite({**result, "again": None if scratch else str(again)})
    _print(result, as_json, reproduced_text)
    if not result["within_error"]:
        sys.exit(1)


def _print(result: dict[str, Any], as_json: bool, text: Any) -> None:
    width = min(shutil.get_terminal_size().columns, 100)
    click.echo(json.dumps(result) if as_json else text(result, width))
