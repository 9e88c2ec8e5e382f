"""``landscape audit``: what each measure cannot see."""

import json
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from landscape.cli.minimum_flags import KEYS, check_out, minimum_flags, named_minimum, seed_of
from landscape.cli.own_option import own_option
from landscape.cli.progress import Progress
from landscape.cli.study_flags import from_environment, given
from landscape.errors import EXIT_UNCONVERGED, UsageError
from landscape.study import parsers

if TYPE_CHECKING:
    from landscape.study.one_minimum import OneMinimum

_NAMING = tuple(key for key in KEYS if key not in ("seed", "examples", "device", "dtype", "data_dir"))


@click.command("audit", context_settings={"max_content_width": 100})
@minimum_flags
@own_option(
    "--measures",
    metavar="A,B|all",
    parse=parsers.several(parsers.word),
    help="Measures, and filter_normalized_slice; by default those that are compared most.",
)
@own_option(
    "--measure-option",
    metavar="MEASURE.KEY=VALUE",
    parse=parsers.options,
    default={},
    several=True,
    help="Option of a measure; repeat for more.",
)
@own_option("--rtol", metavar="X", parse=parsers.positive, help="Tolerance of every measure; by default each its own.")
@click.option("--out", type=click.Path(path_type=Path), metavar="DIR", help="Write tables, figures and report here.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object and nothing else.")
@click.option("--strict", is_flag=True, help="Exit with 5 when a number has not converged.")
@click.option("--debug", is_flag=True, help="Show the traceback of an error.")
def command(folder: Path | None, out: Path | None, as_json: bool, strict: bool, **flags: Any) -> None:
    """What each measure cannot see: it is taken before and after changes that leave the function as it is.

    The changes: one layer multiplied and the next divided (2, 10), single neurons likewise (log-normal, 0.5, 1),
    weights before a BatchNorm, the order of neurons, and the scale of the logits (decisions stay, the loss does not).

    The minimum is a run of a study in DIR, or a --checkpoint with its --model and data. Without any, two small
    networks are fitted to digits (a ReLU perceptron 64-24-24-10, a CNN with BatchNorm), in float64: one minute or two.

    With --out DIR: audit.json, table.md, table.tex, a heat map for each network, and report.html, which works offline.
    """
    from landscape.report.audit import audit_text, write_audit
    from landscape.store import finite
    from landscape.study.audit import AuditSettings, audit
    from landscape.study.environment import environment
    from landscape.study.other_measurement import refuse_other_command

    check_out(out)
    if out is not None:
        refuse_other_command(out, "audit.json")
    seed = seed_of(flags)
    settings = AuditSettings(flags["measures"] or (), seed, flags["rtol"], flags["measure_option"])
    subjects = _subjects(folder, flags, seed)
    progress = Progress()
    with progress.waiting():
        result = audit(subjects, settings, progress)
    device = subjects[0].minimum.problem.device
    result = finite({**result, "environment": environment(device)})
    files = [] if out is None else write_audit(result, out)
    if as_json:
        click.echo(json.dumps({**result, "files": [str(path) for path in files]}, allow_nan=False))
    else:
        click.echo(audit_text(result, width=min(shutil.get_terminal_size().columns, 120)))
        click.echo(f"Report: {files[-1]}" if files else "Add --out DIR for tables, heat maps and a report.")
    if strict and not result["converged"]:
        sys.exit(EXIT_UNCONVERGED)


def _subjects(folder: Path | None, flags: dict[str, Any], seed: int) -> "list[OneMinimum]":
    """Return the minimum that the command line names, or the trained networks where it names none."""
    typed = {**from_environment(KEYS), **given(flags)}
    if folder is not None or any(key in typed for key in _NAMING):
        if "dtype" not in typed:
            # what moves has to be told from rounding
            flags = {**flags, "dtype": "float64"}
        return [named_minimum(folder, flags)]
    for key in ("examples", "device", "dtype", "run", "stop", "max_batch"):
        if flags.get(key) is not None:
            raise UsageError(
                f"--{key.replace('_', '-')} says how a minimum is measured, but none is named. Name a study's folder, "
                f"or --model and --checkpoint; without them two small networks are fitted to digits as they are."
            )
    from landscape.study.audit_networks import trained_networks

    return trained_networks(seed, lambda what: click.echo(what, err=True))
