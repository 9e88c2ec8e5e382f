"""``landscape track``: curvature along training against the edge of stability."""

import dataclasses
import hashlib
import json
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from landscape.cli.gentle_stop import gentle_stop
from landscape.cli.own_option import own_option
from landscape.cli.progress import Progress
from landscape.cli.study_flags import allow_code, resolved, some_study_flags
from landscape.errors import EXIT_UNCONVERGED, ProblemError
from landscape.study import parsers
from landscape.study.config import StudyConfig, to_toml

if TYPE_CHECKING:
    from landscape.study.track import TrackRequest

KEYS = (
    *("dataset", "dataset_option", "data", "data_dir", "subset", "train_examples", "label_noise"),
    *("model", "model_option", "loss", "optimizer", "lr", "optimizer_option", "weight_decay", "batch_size"),
    *("epochs", "steps", "schedule", "warmup", "clip_norm", "amp", "compile", "max_batch"),
    *("seed", "target_loss", "examples", "device", "dtype"),
)
OWN_HELP = {
    "optimizer": "One optimizer; see `landscape list optimizers`.  [default: sgd]",
    "lr": "Its learning rate; the lowest of its usual ones by default.",
    "optimizer_option": "Option of the optimizer, such as momentum=0 or betas=0.9,0.99.",
    "target_loss": "Training loss at which --until loss stops.  [default: 0.05]",
    "train_examples": "Training examples; all by default.",
    "examples": "Examples to measure on, drawn from them; all by default.",
    "max_batch": "Most examples in one pass: a larger batch goes through in chunks. The same numbers to rounding; but "
    "BatchNorm sees chunks.",
    "seed": "Of initial weights, data order and all random vectors.  [default: 0]",
}


@click.command("track", context_settings={"max_content_width": 100})
@click.argument("study", required=False, metavar="[STUDY.toml]", type=click.Path(path_type=Path))
@some_study_flags(KEYS, OWN_HELP)
@own_option(
    "--every",
    metavar="N",
    parse=parsers.stride,
    help="Steps between measurements, or epochs (2epochs).  [default: an epoch; with the full batch a 60th]",
)
@own_option(
    "--until",
    metavar="WHEN",
    parse=parsers.one_of("steps", "loss", "converged"),
    default="steps",
    help="When to stop: after all steps, at --target-loss, or when ten measurements brought no 1 % of loss.",
)
@own_option("--top-k", metavar="N", parse=parsers.integer(1), default=1, help="Eigenvalues at each stop.")
@own_option(
    "--rtol", metavar="X", parse=parsers.positive, default=0.01, help="Residual of an eigenvalue, over its size."
)
@own_option("--max-matvecs", metavar="N", parse=parsers.integer(2), default=200, help="Most products for them.")
@click.option("--trace/--no-trace", default=False, help="Estimate the trace too.  [default: --no-trace]")
@own_option(
    "--trace-rtol", metavar="X", parse=parsers.positive, default=0.05, help="Its standard error, over the trace."
)
@own_option(
    "--batches", metavar="N", parse=parsers.integer(0), default=16, help="Mini-batches of batch sharpness; 0 for none."
)
@own_option("--product", metavar="KIND", default="auto", help="Kind of Hessian product, such as double-backward.")
@own_option(
    "--batch-norm",
    metavar="MODE",
    parse=parsers.one_of("evaluation", "batch"),
    default="evaluation",
    help="Which function is measured: with running statistics (evaluation), or those of each batch (batch).",
)
@allow_code
@click.option("--out", type=click.Path(path_type=Path), metavar="DIR", help="Run folder.  [default: runs/track-...]")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object and nothing else.")
@click.option("--strict", is_flag=True, help="Exit with 5 when a number has not converged.")
@click.option("--debug", is_flag=True, help="Show the traceback of an error.")
def command(study: Path | None, out: Path | None, as_json: bool, strict: bool, debug: bool, **flags: Any) -> None:
    """Does sharpness settle at the edge of stability of this optimizer?

    Trains one model and measures at every stop: the top eigenvalues of the Hessian, and of the preconditioned Hessian
    of Adam and its like with the state that the coming step uses; the edge of that step; batch sharpness; how gradient
    and update align with the top eigenvectors; what the quadratic expansion says of the step, and what the step did.

    Writes rows, figures/track.pdf, .png and .json, and report.html, which works offline. The same command goes on
    where a run was stopped or killed, bit for bit. A run that diverges is written down, and exits with 3.
    """
    _run(study, out, as_json, strict, flags)


def _run(study: Path | None, out: Path | None, as_json: bool, strict: bool, flags: dict[str, Any]) -> None:
    """Train, measure, write and print."""
    from landscape.report.tracking import track_text, write_track
    from landscape.study.track import TrackRequest, one_run, track

    if study is None and not flags["optimizer"]:
        flags["optimizer"] = ("sgd",)
    config = one_run(resolved(study, flags, KEYS))
    names = {each.name for each in dataclasses.fields(TrackRequest)}
    asked = {name: value for name, value in flags.items() if name in names}
    request = TrackRequest(**{**asked, "product": flags["product"].replace("-", " ")})
    root = out or default_folder(config, request)
    click.echo(f"Run in {root}", err=True)
    try:
        progress = Progress()
        with gentle_stop(), progress.waiting():
            result = track(config, request, root, progress)
    except KeyboardInterrupt:
        click.echo("\nStopped. What was measured is kept: run the same command to go on.", err=True)
        sys.exit(130)
    files = write_track(result, root)
    if as_json:
        click.echo(json.dumps({**result, "files": [str(path) for path in files]}, allow_nan=False))
    else:
        click.echo(track_text(result, width=min(shutil.get_terminal_size().columns, 100)))
        click.echo(f"Report: {files[-1]}")
    if result["summary"]["status"] == "diverged":
        click.echo(f"Error: {result['summary']['message']} What was measured until then is in {root}.", err=True)
        sys.exit(ProblemError.exit_code)
    if strict and not result["summary"]["converged"]:
        sys.exit(EXIT_UNCONVERGED)


def default_folder(config: StudyConfig, request: "TrackRequest") -> Path:
    """Return a folder of its own for each run and what is asked of it, so that the same command continues it."""
    text = to_toml(dataclasses.replace(config, data_dir=None)) + json.dumps(dataclasses.asdict(request))
    digest = hashlib.blake2b(text.encode(), digest_size=3).hexdigest()
    words = ["track", config.optimizer[0], *config.model, Path(config.data or config.dataset[0]).stem]
    name = "-".join("".join(each if each.isalnum() else "_" for each in Path(word).stem) for word in words)
    return Path("runs") / f"{name}-{digest}"
