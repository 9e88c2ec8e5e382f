"""``landscape surface``: the loss on a line, a plane or a volume through one or more minima."""

import dataclasses
import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from landscape.cli.minimum_flags import KEYS, check_out, named_study
from landscape.cli.own_option import own_option
from landscape.cli.processes import is_first, process_group
from landscape.cli.products_progress import ProductsProgress
from landscape.cli.say import say
from landscape.cli.study_flags import allow_code, given, resolved, some_study_flags
from landscape.errors import UsageError
from landscape.study import parsers

if TYPE_CHECKING:
    from landscape.ranks import Ranks
    from landscape.study.surface import Keep
    from landscape.study.surface_points import SurfacePoints
    from landscape.study.surface_request import Request
    from landscape.study.surface_settings import SurfaceSettings

OWN_HELP = {
    "train_examples": "Training examples; all by default.",
    "checkpoint": "Weights, also beside --run; repeat for a line or plane. Without any, the network as initialised.",
    "examples": "Training and test examples to evaluate, with the standard error of differences; all by default.",
    "seed": "Of the initial weights, of draws from the data, and of random directions.  [default: 0]",
}
DIRECTIONS_HELP = (
    "random, eigen, extremes (eigenvectors of the largest and smallest eigenvalue), descent, update, minima, initial "
    "(two minima and their initialisation), trajectory (of --keep-checkpoints, or of all --checkpoint in order), or a "
    ".npy or .npz of vectors; by default random for one minimum, minima for more."
)


@click.command("surface", context_settings={"max_content_width": 100})
@click.argument("folder", required=False, metavar="[DIR]", type=click.Path(path_type=Path))
@click.option("--run", "runs", multiple=True, metavar="ID", help="Run of the study in DIR; repeat for several.")
@own_option(
    "--stop",
    metavar="matched|end|...",
    parse=parsers.stop,
    help="Which of its minima; also matched:0.3, epoch:5, ema:0.9.",
)
@some_study_flags(KEYS, OWN_HELP)
@allow_code
@own_option("--directions", metavar="NAME", help=DIRECTIONS_HELP)
@own_option("--dimensions", metavar="N", parse=parsers.integer(1), help="1, 2 or 3: line, plane, volume.  [default: 2]")
@own_option("--points", metavar="N", parse=parsers.integer(0), help="Along each axis: 101, 51 or 15 by default.")
@own_option("--radius", metavar="X", parse=parsers.positive, help="Half-width in lengths of the directions.")
@own_option("--normalization", metavar="NAME", default="filter", help="Of random ones: filter, layer, global, none.")
@own_option(
    "--one-dimensional",
    metavar="zero|keep",
    default="zero",
    help="Whether biases and normalisation parameters move along random directions.",
)
@own_option("--tolerance", metavar="X", parse=parsers.positive, default=0.01, help="Error of what is interpolated.")
@click.option("--exact", is_flag=True, help="Compute every grid point, interpolate none.")
@own_option(
    "--batch-norm",
    metavar="NAME",
    help="evaluation, reestimated or batch statistics; by default evaluation, reestimated between several points.",
)
@own_option("--ceiling", metavar="X", parse=parsers.positive, help="End points above so many times the central loss.")
@own_option("--max-batch", metavar="N", parse=parsers.integer(1), help="Examples a forward pass: speed, no number.")
@click.option(
    "--compile/--no-compile",
    "compiled",
    default=None,
    help="Evaluate through torch.compile; by default on a GPU, for many points.",
)
@own_option(
    "--quantities",
    metavar="A,B",
    parse=parsers.several(parsers.word),
    default=(),
    help="gradient_norm, eigenvalues at every point of a coarser grid.",
)
@own_option(
    "--quantity-points", metavar="N", parse=parsers.integer(3), default=9, help="About so many an axis of that grid."
)
@own_option(
    "--path",
    metavar="A,B",
    parse=parsers.several(parsers.word),
    default=(),
    help="Between two minima: straight, bezier, polygonal (trained curves of low loss), with barriers.",
)
@click.option("--align", is_flag=True, help="Also with the second one's neurons reordered to match the first's.")
@own_option("--curve-steps", metavar="N", parse=parsers.integer(1), default=400, help="Training of a curve.")
@own_option("--curve-lr", metavar="X", parse=parsers.positive, default=2e-3, help="Of the same.")
@click.option("--average", is_flag=True, help="Also mark the mean of the minima on the line or plane through them.")
@own_option(
    "--profiles", metavar="N", parse=parsers.integer(0), default=0, help="Lines along N random directions, with bands."
)
@own_option(
    "--width", metavar="N", parse=parsers.integer(0), default=0, help="How far the loss stays low along N directions."
)
@own_option("--width-factor", metavar="X", parse=parsers.positive, default=2.0, help="By how much it may rise.")
@own_option(
    "--export",
    metavar="A,B",
    parse=parsers.several(parsers.one_of("csv", "vtk", "gif", "mp4")),
    default=(),
    help="csv, vtk too; gif, mp4 (needs ffmpeg): the trajectory in motion.",
)
@click.option("--out", type=click.Path(path_type=Path), metavar="DIR", help="Where to; by default a folder in runs/.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object and nothing else.")
@click.option("--debug", is_flag=True, help="Show the traceback of an error.")
def command(folder: Path | None, out: Path | None, as_json: bool, **flags: Any) -> None:
    """The loss on a line, a plane or a volume, with what it can and cannot show.

    Through one minimum: a run of a study in DIR, a --checkpoint with its --model and data, or, without either, the
    network as initialised. Through two or three: --run or --checkpoint repeated.

    Writes surface.npz, surface.json, figures/ and report.html, which works offline. Most points are interpolated from
    a few, with the error measured on others; --exact computes all. A killed command goes on where it was.
    """
    from landscape.report.surface import check_formats, surface_text, write_surface
    from landscape.store import finite
    from landscape.study.environment import environment
    from landscape.study.other_measurement import refuse_other_command
    from landscape.study.surface import surface
    from landscape.study.surface_request import Request

    if out is not None:
        check_out(out)
        refuse_other_command(out, "surface.json")
    settings = _settings(flags, folder)
    check_formats(flags["export"], settings.directions, settings.dimensions)
    points = _points(folder, flags, settings)
    for note in filter(None, [settings.grid_points[1]]):
        say(note)
    request = Request.of(points, settings)
    out = out or Path("runs") / f"surface-{request.name}-{request.digest[:6]}"
    request.check(out)
    say(f"Slicing through {'; '.join(one.origin for one in points.ones)}.")
    with ProductsProgress("done") as progress:
        result, arrays = surface(
            points,
            settings,
            keep=_kept(request, out, points.problem.ranks),
            compiled=flags["compiled"],
            on_progress=progress,
        )
    if not is_first():
        return
    result = finite({**result, "environment": environment(points.problem.device)})
    files = write_surface(result, arrays, out, flags["export"])
    request.clear(out)
    if as_json:
        click.echo(json.dumps({**result, "files": [str(path) for path in files]}, allow_nan=False))
        return
    click.echo(surface_text(result, width=min(shutil.get_terminal_size().columns, 100)))
    click.echo(f"Report: {files[-1]}")


def _settings(flags: dict[str, Any], folder: Path | None) -> "SurfaceSettings":
    """Return what is asked for, as the command line and the environment say."""
    from landscape.study.surface_settings import SurfaceSettings

    count = len(flags["checkpoint"] or ()) + (max(len(flags["runs"]), 1) if folder is not None else 0)
    directions = flags["directions"] or ("minima" if count > 1 else "random")
    dimensions = flags["dimensions"]
    if directions == "minima":
        if dimensions not in (None, count - 1):
            raise UsageError(f"{count} minima span {count - 1} dimensions, not {dimensions}. Leave out --dimensions.")
        dimensions = max(count - 1, 1)
    names = {each.name for each in dataclasses.fields(SurfaceSettings)}
    chosen = {name: value for name, value in flags.items() if name in names}
    return SurfaceSettings(
        **{
            **chosen,
            "paths": flags["path"],
            "coarse_points": flags["quantity_points"],
            "directions": directions,
            "dimensions": dimensions or 2,
            "tolerance": None if flags["exact"] else flags["tolerance"],
            "statistics": flags["batch_norm"],
            "seed": resolved(None, {"seed": flags["seed"]}, ("seed",)).seed,
        }
    )


def _points(folder: Path | None, flags: dict[str, Any], settings: "SurfaceSettings") -> "SurfacePoints":
    """Return the minima that the command line names."""
    from landscape.study.surface_points import given_points, stored_points

    typed = {key: value for key, value in given(flags).items() if key in KEYS}
    along = settings.directions == "trajectory"
    if folder is None:
        if flags["runs"] or flags["stop"]:
            raise UsageError("--run and --stop choose among the minima of a study. Name its folder too.")
        return given_points(
            resolved(None, typed, KEYS), flags["max_batch"], ordered=along, process_group=process_group()
        )
    checkpoints = typed.pop("checkpoint", ())
    if along and checkpoints:
        raise UsageError("A trajectory is of one training: name a run of the study or --checkpoint in order, not both.")
    config, found, run, examples = named_study(folder, typed, code=flags["allow_code"])
    return stored_points(
        config,
        found,
        flags["runs"] or [run],
        stop="end" if along else flags["stop"],
        checkpoints=checkpoints,
        examples=examples,
        max_batch=flags["max_batch"],
        process_group=process_group(),
    )


def _kept(request: "Request", out: Path, ranks: "Ranks") -> "Keep":
    """Return where columns are kept: the first process's folder, that all of them go on from."""
    from landscape.study.surface import Keep

    def read(part: str) -> Any:
        return ranks.from_first(request.read(out, part) if is_first() else None)

    def write(part: str, columns: Any) -> None:
        if is_first():
            request.write(out, columns, part)

    return Keep(read, write)
