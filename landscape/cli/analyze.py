"""``landscape analyze``: the main job."""

import dataclasses
import hashlib
import json
import shlex
import shutil
import sys
from pathlib import Path
from typing import Any

import click

from landscape.cli.gentle_stop import gentle_stop
from landscape.cli.progress import Progress
from landscape.cli.report import style_flag
from landscape.cli.study_flags import allow_code, resolved, study_flags
from landscape.errors import EXIT_UNCONVERGED, UsageError
from landscape.study.config import StudyConfig, to_toml


@click.command("analyze", context_settings={"max_content_width": 100})
@click.argument("study", required=False, metavar="[STUDY]", type=click.Path(path_type=Path))
@study_flags
@click.option("--out", type=click.Path(path_type=Path), metavar="DIR", help="Run folder.  [default: runs/...]")
@click.option("--jobs", type=click.IntRange(1), metavar="N", help="Processes at once.  [default: one a core]")
@click.option(
    "--devices",
    metavar="A,B",
    callback=lambda *given: _devices(given[-1]),
    help="One process on each, such as 0,1 (GPUs).",
)
@click.option(
    "--shard", metavar="I/N", callback=lambda *given: _shard(given[-1]), help="Only the I-th of N parts of the runs."
)
@allow_code
@style_flag
@click.option("--dry-run", is_flag=True, help="Print the runs and an estimate of time and memory; write nothing.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object and nothing else.")
@click.option("--strict", is_flag=True, help="Exit with 5 when a number has not converged or no run got to the target.")
@click.option("--debug", is_flag=True, help="Show the traceback of an error.")
def command(
    study: Path | None,
    out: Path | None,
    jobs: int | None,
    devices: tuple[str, ...],
    shard: tuple[int, int],
    venue: str | None,
    dry_run: bool,
    as_json: bool,
    strict: bool,
    debug: bool,
    **flags: Any,
) -> None:
    """Did this optimizer find a sharper minimum, and does that explain the gap?

    Trains models (or takes --checkpoint), measures each minimum at a matched training loss and at the end, slices
    the loss around typical ones, relates all of it to the generalization gap, and writes figures, tables and
    report.html. Without arguments: SGD against Adam on scikit-learn's digits, in a minute or two. STUDY is a file of
    settings or a ready one: smoke, laptop, paper (`landscape list studies`).

    A study that was interrupted goes on when the same command is run again. The same command in two terminals, or on
    machines that share the folder, shares its runs out; --shard does so by number.
    """
    config = resolved(study, flags)
    if dry_run:
        _dry_run(config, jobs, as_json, out or default_folder(config))
        return
    root = out or default_folder(config)
    report = _run(config, root, venue, jobs=jobs, devices=devices, shard=shard)
    if as_json:
        click.echo(json.dumps({"folder": str(root), **{key: each for key, each in report.items() if key != "runs"}}))
    else:
        _show(report, root)
    if strict and not _all_converged(report):
        sys.exit(EXIT_UNCONVERGED)


def default_folder(config: StudyConfig) -> Path:
    """Return a folder of its own for each configuration, so that the same command continues the same study."""
    # where data lie and how runs are computed make no other study
    same = dataclasses.replace(config, data_dir=None, population=StudyConfig().population)
    digest = hashlib.blake2b(to_toml(same).encode(), digest_size=3).hexdigest()
    words = [*([config.data] if config.data else config.dataset), *config.model]
    name = "-".join("".join(each if each.isalnum() else "_" for each in Path(word).stem) for word in words)
    return Path("runs") / f"{name}-{digest}"


def _devices(given: str | None) -> tuple[str, ...]:
    """Return the devices named, numbers being GPUs."""
    names = [each.strip() for each in (given or "").split(",") if each.strip()]
    return tuple(f"cuda:{name}" if name.isdigit() else name for name in names)


def _shard(given: str | None) -> tuple[int, int]:
    """Return the part of the runs that is asked for, and of how many."""
    index, _, count = (given or "1/1").partition("/")
    if not (index.isdigit() and count.isdigit() and 1 <= int(index) <= int(count)):
        raise UsageError(f"--shard takes I/N with 1 <= I <= N, such as 2/4; it is {given!r}.")
    return int(index), int(count)


def _run(config: StudyConfig, root: Path, venue: str | None, **how: Any) -> dict[str, Any]:
    from landscape.report import write_report
    from landscape.study.folder import RunFolder, locked
    from landscape.study.run import run_study

    progress = Progress()

    def begin() -> None:
        progress.tell(f"Study in {root}")

    try:
        with gentle_stop():
            with progress.waiting():
                report = run_study(config, root, on_progress=progress, on_note=progress.tell, on_start=begin, **how)
            with locked(RunFolder(root), wait=True):
                write_report(root, venue)
    except KeyboardInterrupt:
        kept = "What is finished is kept: run the same command to go on." if root.exists() else "Nothing was finished."
        click.echo(f"\nStopped. {kept}", err=True)
        sys.exit(130)
    return report


def _show(report: dict[str, Any], root: Path) -> None:
    from landscape.report import summary

    click.echo(summary(report, width=min(shutil.get_terminal_size().columns, 100)))
    click.echo(f"\nReport: {root / 'report.html'}")


def _dry_run(config: StudyConfig, jobs: int | None, as_json: bool, root: Path) -> None:
    from landscape import store
    from landscape.study.estimate import estimate, estimate_lines

    result = {**estimate(config, jobs), "slurm": _slurm(root)}
    lines = [*estimate_lines(result), "as an array of eight on a Slurm cluster:", f"  {result['slurm']}"]
    click.echo(json.dumps(store.finite(result)) if as_json else "\n".join(lines))


def _slurm(root: Path, parts: int = 8) -> str:
    """Return the line that runs this very command in parts on a Slurm cluster, into one folder."""
    given = [each for each in sys.argv[1:] if each not in ("--dry-run", "--json")]
    where = [] if "--out" in given else ["--out", str(root)]
    command = shlex.join(["landscape", *given, *where])
    return f"sbatch --array=1-{parts} --wrap={shlex.quote(f'{command} --shard $SLURM_ARRAY_TASK_ID/{parts}')}"


def _all_converged(report: dict[str, Any]) -> bool:
    minima = [each for run in report["runs"] for each in run["minima"].values()]
    measured = [each for minimum in minima for each in minimum["measurements"].values() if each["value"] is not None]
    trained = [run for run in report["runs"] if run["lr"] is not None]
    reached = not trained or any(run["reached"] for run in trained)
    return reached and all(each["converged"] for each in measured)
