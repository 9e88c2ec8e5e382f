"""``landscape hessian``: eigenvalues, trace and spectral density of one minimum."""

import dataclasses
import hashlib
import json
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from landscape.cli.memory_words import say_plans
from landscape.cli.minimum_flags import check_out, minimum_flags, named_minimum, seed_of, settings_of
from landscape.cli.own_option import own_option
from landscape.cli.processes import is_first
from landscape.cli.products_progress import ProductsProgress
from landscape.cli.say import say
from landscape.errors import EXIT_UNCONVERGED
from landscape.study import parsers

if TYPE_CHECKING:
    from landscape.study.curvature import CurvatureSettings

HINT = "Add --density for the spectral density and a report under runs/, or --out DIR to choose where."
PRODUCT_HELP = (
    "Of the Hessian: auto takes the fastest that is right here; or one of efficient-double-backward, double-backward, "
    "reverse-over-forward, forward-over-reverse."
)


@click.command("hessian", context_settings={"max_content_width": 100})
@minimum_flags
@own_option(
    "--operator",
    metavar="NAME",
    default="hessian",
    help="hessian, gauss_newton, fisher, fisher_monte_carlo, fisher_empirical, preconditioned.",
)
@own_option("--top-k", metavar="N", parse=parsers.integer(0), default=5, help="Largest eigenvalues.")
@own_option("--bottom-k", metavar="N", parse=parsers.integer(0), default=1, help="Smallest eigenvalues.")
@own_option(
    "--method",
    metavar="NAME",
    default="lanczos",
    help="Of the eigenvalues: lanczos, block_lanczos, power_iteration, eigsh, lobpcg.",
)
@own_option(
    "--rtol", metavar="X", parse=parsers.positive, default=1e-3, help="Residual of an eigenvalue, over its size."
)
@click.option("--trace/--no-trace", default=True, help="Estimate the trace.  [default: --trace]")
@own_option(
    "--trace-method",
    metavar="NAME",
    default="auto",
    help="auto, exact, sampled, gauss_newton, hutchinson, hutchpp, xtrace.",
)
@own_option("--trace-rtol", metavar="X", parse=parsers.positive, default=0.02, help="Standard error, over the trace.")
@click.option(
    "--density/--no-density",
    default=None,
    help="Draw the spectral density: 640 products, where eigenvalues take 50 to 70. Without --out its files go to a "
    "folder under runs/ that is named at the end.  [default: with --out]",
)
@own_option("--density-probes", metavar="N", parse=parsers.integer(1), default=8, help="Its random vectors.")
@own_option("--density-steps", metavar="N", parse=parsers.integer(2), default=80, help="Its products a vector.")
@own_option(
    "--max-matvecs",
    metavar="N",
    parse=parsers.integer(2),
    help="Most products for the eigenvalues, and for the trace; by default each solver's own.",
)
@own_option(
    "--memory",
    metavar="SIZE",
    parse=parsers.num_bytes,
    help="For held graphs, vectors and basis, of each process: 500MB, 8GB, 2GiB; by default half of what is free.",
)
@own_option(
    "--basis",
    metavar="device|host",
    parse=parsers.one_of("device", "host"),
    help="Where the vectors of a Krylov basis are kept; by default on the host where the device does not hold them.",
)
@own_option(
    "--basis-dtype",
    metavar="DTYPE",
    parse=parsers.one_of("float32", "bfloat16", "float16"),
    help="Their precision for eigenvalues, where it is to be less than that of products: float32, bfloat16, float16.",
)
@own_option("--product", metavar="KIND", default="auto", help=PRODUCT_HELP)
@click.option("--out", type=click.Path(path_type=Path), metavar="DIR", help="Write numbers, figure and report here.")
@click.option("--verbose", is_flag=True, help="Say how products were computed.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object and nothing else.")
@click.option("--strict", is_flag=True, help="Exit with 5 when a number has not converged.")
@click.option("--debug", is_flag=True, help="Show the traceback of an error.")
def command(folder: Path | None, out: Path | None, verbose: bool, as_json: bool, strict: bool, **flags: Any) -> None:
    """Eigenvalues with bounds, trace and density of the curvature of one minimum.

    The minimum is a run of a study in DIR (its weights and its optimizer's state), a --checkpoint with its --model
    and data, or, without either, the network as initialised.

    With --out DIR: hessian.json, figures/spectral_density.pdf, .png and .json, and report.html, which works offline.
    With --density alone they go to runs/hessian-MODEL-ON-DATA-HASH. The measurement of other settings is never
    overwritten.
    """
    from landscape.report.curvature import curvature_text, write_curvature
    from landscape.store import finite
    from landscape.study.curvature import curvature, printed
    from landscape.study.environment import environment
    from landscape.study.other_measurement import refuse_other_measurement

    draw = bool(flags["density"])
    flags["density"] = out is not None if flags["density"] is None else draw
    check_out(out)
    settings = _settings(flags)
    one = named_minimum(folder, flags)
    if out is not None:
        dtype = str(one.minimum.problem.dtype).removeprefix("torch.")
        asked = {"settings": one.settings, "asked": dataclasses.asdict(settings), "dtype": dtype}
        refuse_other_measurement(out, "hessian.json", asked)
    say(f"Measuring {one.origin}.")
    with ProductsProgress() as progress:
        result = curvature(one, settings, progress, on_plan=lambda plan: say_plans(plan.parts, plan.device))
    if not is_first():
        return
    result = finite({**result, "environment": environment(one.minimum.problem.device)})
    if out is None and draw:
        out = _default_folder(result)
    files = [] if out is None else write_curvature(result, out)
    if as_json:
        click.echo(json.dumps({**printed(result), "files": [str(path) for path in files]}, allow_nan=False))
    else:
        click.echo(curvature_text(result, width=min(shutil.get_terminal_size().columns, 100)))
        click.echo(f"Report: {files[-1]}" if files else HINT)
    if verbose:
        _explain(result["products"])
    if strict and not result["converged"]:
        sys.exit(EXIT_UNCONVERGED)


def _settings(flags: dict[str, Any]) -> "CurvatureSettings":
    """Return what is asked for, as the command line and the environment say."""
    from landscape.study.curvature import CurvatureSettings

    chosen = settings_of(CurvatureSettings, flags)
    return CurvatureSettings(**{**chosen, "seed": seed_of(flags), "product": flags["product"].replace("-", " ")})


def _default_folder(result: dict[str, Any]) -> Path:
    """Return a folder of its own for each minimum and what is asked of it."""
    asked = json.dumps([result["settings"], result["asked"], result["examples"]], sort_keys=True)
    name = "".join(each if each.isalnum() or each in "-." else "_" for each in result["name"])
    return Path("runs") / f"hessian-{name}-{hashlib.blake2b(asked.encode(), digest_size=3).hexdigest()}"


def _explain(products: dict[str, Any]) -> None:
    """Say how products were computed, on standard error."""
    from landscape.report.numbers import number

    for which in ("held", "other"):
        if which in products:
            chosen = products[which]
            click.echo(
                f"Products on {which} batches: {chosen['kind']}, tried on {chosen['examples']} examples:", err=True
            )
            for trial in chosen["trials"]:
                click.echo(f"  {_trial(trial)}", err=True)
    if "held_bytes" in products:
        sizes = {key: f"{number((products[key] or 0) / 1e6)} MB" for key in ("held_bytes", "planned_bytes", "memory")}
        click.echo(
            f"{_batches(products['held_batches'])} held in {sizes['held_bytes']} (all would take "
            f"{sizes['planned_bytes']}; the budget is {sizes['memory']}).",
            err=True,
        )


def _batches(count: int) -> str:
    return "1 batch is" if count == 1 else f"{count} batches are"


def _trial(trial: dict[str, Any]) -> str:
    if trial["seconds"] is None:
        return f"{trial['kind']}: {trial['note']}"
    note = f"  not used: {trial['note']}" if trial["note"] else ""
    return f"{trial['kind']:<26} {1e3 * trial['seconds']:8.2f} ms, off by {trial['difference']:.1e}{note}"
