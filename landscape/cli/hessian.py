"""``landscape hessian``: eigenvalues, trace and spectral density of one minimum."""

import dataclasses
import hashlib
import json
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from landscape.cli.output_folder import check_output
from landscape.cli.own_flags import own_flag as _own
from landscape.cli.products_progress import ProductsProgress
from landscape.cli.study_flags import from_environment, given, resolved, some_study_flags
from landscape.errors import EXIT_UNCONVERGED, UsageError
from landscape.study import parsers
from landscape.study.config import read_toml, resolve

if TYPE_CHECKING:
    from landscape.study.curvature import CurvatureSettings
    from landscape.study.one_minimum import OneMinimum

DATA_KEYS = ("dataset", "dataset_option", "data", "data_dir", "subset", "train_examples", "label_noise")
MODEL_KEYS = ("model", "model_option", "loss", "checkpoint")
MEASURED_KEYS = ("examples", "seed", "device", "dtype")
RUN_KEYS = ("data_dir", "examples", "seed", "device", "dtype")
HINT = "Add --density for the spectral density and a report under runs/, or --out DIR to choose where."
PRODUCT_HELP = (
    "Of the Hessian: auto takes the fastest that is right here; or one of efficient-double-backward, double-backward, "
    "reverse-over-forward, forward-over-reverse."
)
OWN_HELP = {
    "train_examples": "Training examples; all by default.",
    "checkpoint": "The weights; without them the network is as initialised.",
    "examples": "Examples to measure on; all by default.",
    "seed": "Of the initial weights, of draws from the data, and of all random vectors.  [default: 0]",
}


@click.command("hessian", context_settings={"max_content_width": 100})
@click.argument("folder", required=False, metavar="[DIR]", type=click.Path(path_type=Path))
@_own("--run", metavar="ID", help="Which run of the study in DIR.")
@_own("--stop", metavar="matched|end", parse=parsers.one_of("matched", "end"), help="Which of its minima.")
@some_study_flags((*DATA_KEYS, *MODEL_KEYS, *MEASURED_KEYS), OWN_HELP)
@_own(
    "--operator",
    metavar="NAME",
    default="hessian",
    help="hessian, gauss_newton, fisher, fisher_monte_carlo, fisher_empirical, preconditioned.",
)
@_own("--top-k", metavar="N", parse=parsers.integer(0), default=5, help="Largest eigenvalues.")
@_own("--bottom-k", metavar="N", parse=parsers.integer(0), default=1, help="Smallest eigenvalues.")
@_own(
    "--method",
    metavar="NAME",
    default="lanczos",
    help="Of the eigenvalues: lanczos, block_lanczos, power_iteration, eigsh, lobpcg.",
)
@_own("--rtol", metavar="X", parse=parsers.positive, default=1e-3, help="Residual of an eigenvalue, over its size.")
@click.option("--trace/--no-trace", default=True, help="Estimate the trace.  [default: --trace]")
@_own(
    "--trace-method",
    metavar="NAME",
    default="auto",
    help="auto, exact, sampled, gauss_newton, hutchinson, hutchpp, xtrace.",
)
@_own("--trace-rtol", metavar="X", parse=parsers.positive, default=0.02, help="Standard error, over the trace.")
@click.option(
    "--density/--no-density",
    default=None,
    help="Draw the spectral density: 640 products, where eigenvalues take 50 to 70. Without --out its files go to a "
    "folder under runs/ that is named at the end.  [default: with --out]",
)
@_own("--density-probes", metavar="N", parse=parsers.integer(1), default=8, help="Its random vectors.")
@_own("--density-steps", metavar="N", parse=parsers.integer(2), default=80, help="Its products a vector.")
@_own(
    "--max-matvecs",
    metavar="N",
    parse=parsers.integer(2),
    help="Most products for the eigenvalues, and for the trace; by default each solver's own.",
)
@_own(
    "--memory",
    metavar="SIZE",
    parse=parsers.num_bytes,
    help="For graphs held between products: 500MB, 8GB, 2GiB; by default half of what is free.",
)
@_own(
    "--max-batch",
    metavar="N",
    parse=parsers.integer(1),
    help="Examples a forward pass: memory and speed, no number; by default by their size.",
)
@_own("--product", metavar="KIND", default="auto", help=PRODUCT_HELP)
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
    check_output(out)
    settings = _settings(flags)
    one = _minimum(folder, flags)
    if out is not None:
        dtype = str(one.minimum.problem.dtype).removeprefix("torch.")
        refuse_other_measurement(out, {"settings": one.settings, "asked": dataclasses.asdict(settings), "dtype": dtype})
    click.echo(f"Measuring {one.origin}.", err=True)
    with ProductsProgress() as progress:
        result = curvature(one, settings, progress)
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


def _minimum(folder: Path | None, flags: dict[str, Any]) -> "OneMinimum":
    """Return the minimum that the command line names."""
    from landscape.study.one_minimum import find_run, given_minimum, stored_minimum

    keys = (*DATA_KEYS, *MODEL_KEYS, *MEASURED_KEYS)
    typed = {key: value for key, value in given(flags).items() if key in keys}
    if folder is None:
        for name in ("run", "stop"):
            if flags[name] is not None:
                raise UsageError(f"--{name} chooses among the minima of a study. Name its folder too.")
        return given_minimum(resolved(None, typed, keys), flags["max_batch"])
    foreign = [key for key in typed if key not in RUN_KEYS]
    if foreign:
        name = foreign[0].replace("_", "-")
        raise UsageError(f"{folder} says itself what --{name} is. Leave out --{name}, or leave out {folder}.")
    found, run = find_run(folder)
    # the study's own seed says how its data were drawn; the one typed here is of the random vectors
    own = {key: each for key, each in {**from_environment(RUN_KEYS), **typed}.items() if key != "seed"}
    config = resolve(("The command line", own), (str(found.study), read_toml(found.study)))
    return stored_minimum(
        config,
        found,
        run=flags["run"] or run,
        stop=flags["stop"],
        examples=config.examples if "examples" in own else None,
        max_batch=flags["max_batch"],
    )


def _settings(flags: dict[str, Any]) -> "CurvatureSettings":
    """Return what is asked for, as the command line and the environment say."""
    from landscape.study.curvature import CurvatureSettings

    names = {each.name for each in dataclasses.fields(CurvatureSettings)}
    chosen = {name: value for name, value in flags.items() if name in names}
    seed = resolved(None, {"seed": flags["seed"]}, ("seed",)).seed
    return CurvatureSettings(**{**chosen, "seed": seed, "product": flags["product"].replace("-", " ")})


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
