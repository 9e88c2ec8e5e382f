"""``landscape sharpness``: any registered measures of one minimum."""

import json
import shutil
import sys
from pathlib import Path
from typing import Any

import click

from landscape.cli.memory_words import say_plans
from landscape.cli.minimum_flags import check_out, minimum_flags, named_minimum, seed_of, settings_of
from landscape.cli.own_option import own_option
from landscape.cli.processes import is_first
from landscape.cli.products_progress import ProductsProgress
from landscape.cli.say import say
from landscape.errors import EXIT_UNCONVERGED
from landscape.study import parsers

DEFAULT = ("top_eigenvalue", "trace")
HINT = "Add --out DIR for tables and a report, --verify to check products on this model."


@click.command("sharpness", context_settings={"max_content_width": 100})
@minimum_flags
@own_option(
    "--measures",
    metavar="A,B|all",
    parse=parsers.several(parsers.word),
    default=DEFAULT,
    help="Measures; see `landscape list measures`.",
)
@own_option("--rtol", metavar="X", parse=parsers.positive, help="Tolerance of every measure; by default each its own.")
@own_option(
    "--measure-option",
    metavar="NAME.KEY=VALUE",
    parse=parsers.options,
    default={},
    several=True,
    help="Option of a measure, as trace.method=xtrace.",
)
@own_option(
    "--parameters",
    metavar="GLOB",
    parse=parsers.several(parsers.word),
    default=(),
    several=True,
    help="Only these parameters, as 'layer4.*'; the others are held fixed.",
)
@click.option("--per-layer", is_flag=True, help="Top eigenvalue and trace of the block of each layer too.")
@own_option(
    "--batch-norm",
    metavar="evaluation|batch",
    parse=parsers.one_of("evaluation", "batch"),
    default="evaluation",
    help="BatchNorm with its running statistics, or with those of each batch.",
)
@own_option(
    "--weight-decay",
    metavar="X",
    parse=parsers.non_negative,
    default=0.0,
    help="Add (X/2)|theta|^2 to the loss, as weight decay in training does.",
)
@own_option(
    "--memory",
    metavar="SIZE",
    parse=parsers.num_bytes,
    help="For held graphs and vectors, of each process: 500MB, 8GB, 2GiB; by default half of what is free.",
)
@click.option("--freeze-data", is_flag=True, help="Keep the examples of one pass: for data that are augmented.")
@click.option("--verify", is_flag=True, help="Check products, eigenvalue and trace on a shrunken copy of the model.")
@click.option("--out", type=click.Path(path_type=Path), metavar="DIR", help="Write numbers, tables and report here.")
@click.option("--verbose", is_flag=True, help="Say how model, loss and data were understood.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object and nothing else.")
@click.option("--strict", is_flag=True, help="Exit with 5 when a number has not converged.")
@click.option("--debug", is_flag=True, help="Show the traceback of an error.")
def command(folder: Path | None, out: Path | None, verbose: bool, as_json: bool, strict: bool, **flags: Any) -> None:
    """Any measures of the sharpness of one minimum, each with its error and with what it cannot see.

    The minimum is a run of a study in DIR (its weights and its optimizer's state), a --checkpoint with its --model
    and --data, or, without either, the network as initialised. Your own FILE.py:FACTORY of data may return any
    examples: tensors, a Dataset, a DataLoader, batches as dicts; --loss FILE.py:LOSS then takes (model, batch).

    With --out DIR: sharpness.json, table.md, table.tex, and report.html, which works offline.
    """
    from landscape.report.sharpness import notes_text, sharpness_text, write_sharpness
    from landscape.store import finite
    from landscape.study.environment import environment
    from landscape.study.other_measurement import refuse_other_measurement
    from landscape.study.sharpness import SharpnessSettings, sharpness

    check_out(out)
    settings = SharpnessSettings(**{**settings_of(SharpnessSettings, flags), "seed": seed_of(flags)})
    one = named_minimum(folder, flags, _problem_options(flags))
    if out is not None:
        dtype = str(one.minimum.problem.dtype).removeprefix("torch.")
        asked = {"settings": one.settings, "asked": settings.to_dict(), "dtype": dtype}
        refuse_other_measurement(out, "sharpness.json", asked)
    say(f"Measuring {one.origin}.")
    with ProductsProgress() as progress:
        result = sharpness(one, settings, progress, on_plan=say_plans)
    if not is_first():
        return
    result = finite({**result, "environment": environment(one.minimum.problem.device)})
    files = [] if out is None else write_sharpness(result, out)
    width = min(shutil.get_terminal_size().columns, 100)
    if as_json:
        click.echo(json.dumps({**result, "files": [str(path) for path in files]}, allow_nan=False))
    else:
        click.echo(sharpness_text(result, width))
        click.echo(f"Report: {files[-1]}" if files else HINT)
    if verbose and result["notes"]:
        click.echo(notes_text(result, width), err=True)
    if strict and not result["converged"]:
        sys.exit(EXIT_UNCONVERGED)


def _problem_options(flags: dict[str, Any]) -> dict[str, Any]:
    """Return the options of the problem that were typed, under the names of `landscape.Problem`."""
    names = ("parameters", "batch_norm", "weight_decay", "freeze_data")
    defaults = ((), "evaluation", 0.0, False)
    return {name: flags[name] for name, default in zip(names, defaults, strict=True) if flags[name] != default}
