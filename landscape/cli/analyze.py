"""``landscape analyze``: the main job."""

import dataclasses
import hashlib
import json
import shutil
import signal
import sys
from pathlib import Path
from typing import Any

import click

from landscape.cli.progress import Progress
from landscape.cli.study_flags import resolved, study_flags
from landscape.errors import EXIT_UNCONVERGED
from landscape.study.config import StudyConfig, to_toml


@click.command("analyze", context_settings={"max_content_width": 100})
@click.argument("study", required=False, metavar="[STUDY.toml]", type=click.Path(path_type=Path))
@study_flags
@click.option("--out", type=click.Path(path_type=Path), metavar="DIR", help="Run folder.  [default: runs/...]")
@click.option("--jobs", type=click.IntRange(1), metavar="N", help="Processes at once.  [default: one a core]")
@click.option("--dry-run", is_flag=True, help="Print the runs and an estimate of time and memory; write nothing.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object and nothing else.")
@click.option("--strict", is_flag=True, help="Exit with 5 when a number has not converged or no run got to the target.")
@click.option("--debug", is_flag=True, help="Show the traceback of an error.")
def command(
    study: Path | None,
    out: Path | None,
    jobs: int | None,
    dry_run: bool,
    as_json: bool,
    strict: bool,
    debug: bool,
    **flags: Any,
) -> None:
    """Did this optimizer find a sharper minimum, and does that explain the gap?

    Trains models (or takes --checkpoint), measures each minimum at a matched training loss and at the end, slices
    the loss around typical ones, relates all of it to the generalization gap, and writes figures, tables and
    report.html. Without arguments: SGD against Adam on scikit-learn's digits, in a minute or two.

    A study that was interrupted goes on when the same command is run again.
    """
    config = resolved(study, flags)
    if dry_run:
        _dry_run(config, jobs, as_json)
        return
    root = out or default_folder(config)
    report = _run(config, root, jobs)
    if as_json:
        click.echo(json.dumps({"folder": str(root), **{key: each for key, each in report.items() if key != "runs"}}))
    else:
        _show(report, root)
    if strict and not _all_converged(report):
        sys.exit(EXIT_UNCONVERGED)


def default_folder(config: StudyConfig) -> Path:
    """Return a folder of its own for each configuration, so that the same command continues the same study."""
    digest = hashlib.blake2b(to_toml(dataclasses.replace(config, data_dir=None)).encode(), digest_size=3).hexdigest()
    words = [Path(config.data or config.dataset).stem, *config.model]
    name = "-".join("".join(each if each.isalnum() else "_" for each in Path(word).stem) for word in words)
    return Path("runs") / f"{name}-{digest}"


def _run(config: StudyConfig, root: Path, jobs: int | None) -> dict[str, Any]:
    from landscape.report import write_report
    from landscape.study.run import run_study

    # a polite kill is as gentle as Ctrl-C
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        click.echo(f"Study in {root}", err=True)
        report = run_study(
            config, root, jobs=jobs, on_progress=Progress(), on_note=lambda text: click.echo(text, err=True)
        )
        write_report(root)
    except KeyboardInterrupt:
        click.echo("\nStopped. What is finished is kept: run the same command to go on.", err=True)
        sys.exit(130)
    return report


def _note(text: str) -> None:
    click.echo(text, err=True)


def _show(report: dict[str, Any], root: Path) -> None:
    from landscape.report import summary

    click.echo(summary(report, width=min(shutil.get_terminal_size().columns, 100)))
    click.echo(f"\nReport: {root / 'report.html'}")


def _dry_run(config: StudyConfig, jobs: int | None, as_json: bool) -> None:
    from landscape.study.estimate import estimate, estimate_lines

    result = estimate(config, jobs)
    click.echo(json.dumps(result) if as_json else "\n".join(estimate_lines(result)))


def _all_converged(report: dict[str, Any]) -> bool:
    minima = [each for run in report["runs"] for each in run["minima"].values()]
    measured = [each for minimum in minima for each in minimum["measurements"].values() if each["value"] is not None]
    trained = [run for run in report["runs"] if run["lr"] is not None]
    reached = not trained or any(run["reached"] for run in trained)
    return reached and all(each["converged"] for each in measured)
