"""The flags that name one minimum, shared by the commands that look at one; and the minimum that they name."""

import dataclasses
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from landscape.cli.own_option import own_option
from landscape.cli.processes import process_group
from landscape.cli.study_flags import allow_code, from_environment, given, resolved, some_study_flags
from landscape.errors import StorageError, UsageError
from landscape.study import parsers
from landscape.study.code_in_files import refuse_code_of
from landscape.study.config import read_toml, resolve

if TYPE_CHECKING:
    from landscape.study.config import StudyConfig
    from landscape.study.folder import RunFolder
    from landscape.study.one_minimum import OneMinimum

DATA_KEYS = ("dataset", "dataset_option", "data", "data_dir", "subset", "train_examples", "label_noise")
MODEL_KEYS = ("model", "model_option", "loss", "checkpoint")
MEASURED_KEYS = ("examples", "seed", "device", "dtype")
KEYS = (*DATA_KEYS, *MODEL_KEYS, *MEASURED_KEYS)
RUN_KEYS = ("data_dir", "examples", "seed", "device", "dtype")
OWN_HELP = {
    "data": "Your own data instead: a factory of (train, test), or of any examples: a Dataset, a DataLoader, batches.",
    "train_examples": "Training examples; all by default.",
    "loss": "cross_entropy, half_squared, mse or FILE.py:LOSS, which takes (outputs, targets) or (model, batch).",
    "checkpoint": "The weights; without them the network is as initialised.",
    "examples": "Examples to measure on; all by default.",
    "seed": "Of the initial weights, of draws from the data, and of all random vectors.  [default: 0]",
}


def minimum_flags(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add the argument DIR and the flags that name a minimum to a command."""
    parts = (
        click.argument("folder", required=False, metavar="[DIR]", type=click.Path(path_type=Path)),
        own_option("--run", metavar="ID", help="Which run of the study in DIR."),
        own_option(
            "--stop",
            metavar="matched|end|...",
            parse=parsers.stop,
            help="Which of its minima; also matched:0.3, epoch:5, ema:0.9.",
        ),
        some_study_flags(KEYS, OWN_HELP),
        allow_code,
        own_option(
            "--max-batch",
            metavar="N",
            parse=parsers.integer(1),
            help="Examples a forward pass: memory and speed, no number; by default by their size.",
        ),
    )
    for part in reversed(parts):
        function = part(function)
    return function


def named_minimum(
    folder: Path | None, flags: Mapping[str, Any], problem_options: Mapping[str, Any] | None = None
) -> "OneMinimum":
    """Return the minimum that the command line names.

    Args:
        folder: A study's, or None for a checkpoint or the network as initialised.
        flags: What click gives for `minimum_flags`; others are left alone.
        problem_options: Options of `landscape.Problem` beside those that the flags say.

    Raises:
        UsageError: If the flags name none, or several.
    """
    from landscape.study.one_minimum import given_minimum, stored_minimum

    typed = {key: value for key, value in given(dict(flags)).items() if key in KEYS}
    options = {"process_group": process_group(), **(problem_options or {})}
    if folder is None:
        for name in ("run", "stop"):
            if flags[name] is not None:
                raise UsageError(f"--{name} chooses among the minima of a study. Name its folder too.")
        chosen = "dtype" in typed or bool(from_environment(("dtype",)))
        return given_minimum(
            resolved(None, typed, KEYS), flags["max_batch"], problem_options=options, own_dtype=not chosen
        )
    config, found, run, examples = named_study(folder, typed, code=flags["allow_code"])
    return stored_minimum(
        config,
        found,
        run=flags["run"] or run,
        stop=flags["stop"],
        examples=examples,
        max_batch=flags["max_batch"],
        problem_options=options,
    )


def named_study(
    folder: Path, typed: Mapping[str, Any], *, code: bool = False
) -> tuple["StudyConfig", "RunFolder", str | None, int | None]:
    """Return a study's settings as the command line changes them, its folder, its run if named, and the examples typed.

    Raises:
        UsageError: If a flag says what the study says itself, there is no study, or it names code and ``code`` does
            not say that it may.
    """
    from landscape.study.folder import with_search
    from landscape.study.one_minimum import find_run

    foreign = [key for key in typed if key not in RUN_KEYS]
    if foreign:
        name = foreign[0].replace("_", "-")
        raise UsageError(f"{folder} says itself what --{name} is. Leave out --{name}, or leave out {folder}.")
    found, run = find_run(folder)
    # the study's own seed says how its data were drawn; the one typed here is of the random vectors
    own = {key: each for key, each in {**from_environment(RUN_KEYS), **typed}.items() if key != "seed"}
    config = resolve(("The command line", own), (str(found.study), read_toml(found.study)))
    refuse_code_of(config, str(found.study), allowed=code)
    config = with_search(found, config)
    refuse_code_of(config, str(found.search))
    return config, found, run, config.examples if "examples" in own else None


def seed_of(flags: Mapping[str, Any]) -> int:
    """Return the seed of all random vectors, as the command line and the environment say."""
    return resolved(None, {"seed": flags["seed"]}, ("seed",)).seed


def settings_of(kind: Any, flags: Mapping[str, Any]) -> dict[str, Any]:
    """Return those of some flags that are fields of a dataclass."""
    names = {each.name for each in dataclasses.fields(kind)}
    return {name: value for name, value in flags.items() if name in names}


def check_out(out: Path | None) -> None:
    """Refuse a folder that the results cannot go into, before they are computed.

    Raises:
        UsageError: If it holds a study.
        StorageError: If it cannot be written to.
    """
    if out is None:
        return
    if (out / "study.toml").exists():
        raise UsageError(f"{out} holds a study, whose report would be overwritten. Choose another folder with --out.")
    if out.exists() and not out.is_dir():
        raise StorageError(f"{out} is a file. Choose a folder with --out.")
    there = next((path for path in (out, *out.absolute().parents) if path.exists()), Path("/"))
    try:
        # tried, not asked: /proc says that it can be written to
        tempfile.TemporaryDirectory(prefix=".landscape-", dir=there).cleanup()
    except OSError as error:
        raise StorageError(
            f"Cannot write to {there}: {error.strerror or error}. Choose another folder with --out."
        ) from error
