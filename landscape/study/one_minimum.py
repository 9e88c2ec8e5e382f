"""One minimum to look at: from a run of a study, from a checkpoint, or the network as initialised."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from landscape.device import resolve_device
from landscape.errors import ProblemError, StorageError, UsageError, suggest
from landscape.minimum import Minimum
from landscape.problem import Problem
from landscape.registry import losses
from landscape.stops import stop_words
from landscape.study.cells import Cell, cells
from landscape.study.config import StudyConfig
from landscape.study.folder import RunFolder, existing_folder
from landscape.study.keys import FACTORS
from landscape.study.measure_cell import minimum_of, problem_of
from landscape.study.option_levels import chosen, combinations, own_table, shared_table, varied
from landscape.study.own_examples import number_of_classes, own_examples, own_model, takes_own_examples
from landscape.study.train_cell import dataset_of, model_of
from landscape.training import load_into

MOST_LISTED = 10


@dataclass(frozen=True)
class OneMinimum:
    """A minimum with what has to be said of it.

    Attributes:
        minimum: What is measured.
        name: A few words, such as ``"cnn on digits"``.
        origin: Where its weights come from, in words.
        num_classes: How many classes its data have; None for regression.
        settings: What it was made from, as plain JSON types.
    """

    minimum: Minimum
    name: str
    origin: str
    num_classes: int | None
    settings: dict[str, Any]


def given_minimum(
    config: StudyConfig,
    max_batch: int | None = None,
    *,
    problem_options: Mapping[str, Any] | None = None,
    own_dtype: bool = False,
) -> OneMinimum:
    """Return the minimum of a checkpoint, or the network as initialised where there is none.

    Args:
        config: Data, network and loss; one of each.
        max_batch: Examples a forward pass; chosen by their size when None.
        problem_options: More options of `Problem`, such as ``parameters`` and ``batch_norm``.
        own_dtype: A user's own network is measured in the precision that it has, not in that of the configuration.

    Raises:
        UsageError: If there are two of something, or more examples are asked for than there are.
    """
    for key in (*FACTORS, "checkpoint"):
        if len(getattr(config, key)) > 1:
            raise UsageError(f"One minimum is looked at at a time; {key} names {len(getattr(config, key))}. Keep one.")
    for name in varied(config.model_option):
        raise UsageError(f"One minimum is looked at at a time; {name} has several levels. Keep one.")
    cell, options = given_cell(config), dict(problem_options or {})
    if takes_own_examples(config, cell):
        problem, classes = _own_problem(config, cell, max_batch, options, own_dtype)
    else:
        problem, classes = _study_problem(config, cell, max_batch, options)
    origin = f"the network as initialised with seed {cell.seed}, not trained"
    if cell.checkpoint:
        origin = f"the weights of {cell.checkpoint}"
    provenance = {"checkpoint": cell.checkpoint, "seed": cell.seed}
    initial = None if cell.checkpoint else problem.theta
    minimum = Minimum(problem, problem.theta, provenance=provenance, initial=initial)
    data = Path(config.data or cell.dataset).name
    name = f"{Path(cell.model).name} on {data}"
    return OneMinimum(checked(minimum), name, origin, classes, _settings(config, cell))


def _own_problem(
    config: StudyConfig, cell: Cell, max_batch: int | None, options: dict[str, Any], own_dtype: bool
) -> tuple[Problem, int | None]:
    """Return the problem of a user's own network and examples as they are, and how many classes they have."""
    model = own_model(config, cell)
    if cell.checkpoint:
        load_into(model, cell.checkpoint)
    examples = own_examples(config)
    dtype = None if own_dtype else getattr(torch, config.dtype)
    device = resolve_device(config.device)
    problem = Problem(
        model, losses[config.loss].value, examples, batch_size=max_batch, dtype=dtype, device=device, **options
    )
    check_examples(config, problem.num_examples)
    if config.examples is not None and config.examples < problem.num_examples:
        problem = problem.subset(config.examples, config.seed)
    return problem, number_of_classes(examples)


def _study_problem(
    config: StudyConfig, cell: Cell, max_batch: int | None, options: dict[str, Any]
) -> tuple[Problem, int | None]:
    """Return the problem of a network and data as a study takes them, and how many classes they have."""
    dataset = dataset_of(config, cell)
    check_examples(config, len(dataset.train[0]))
    loss, device = losses[config.loss].value, resolve_device(config.device)
    problem = problem_of(config, cell, device, "train", loss=loss, batch_size=max_batch, **options)
    if cell.checkpoint:
        model = model_of(config, cell, dataset)
        load_into(model, cell.checkpoint)
        problem.model.load_state_dict(model.state_dict())
    return problem, dataset.num_classes


def stored_minimum(
    config: StudyConfig,
    folder: RunFolder,
    *,
    run: str | None = None,
    stop: str | None = None,
    examples: int | None = None,
    max_batch: int | None = None,
    problem_options: Mapping[str, Any] | None = None,
) -> OneMinimum:
    """Return a minimum of a study's run folder.

    Args:
        config: The study's, with the precision and device to measure with.
        folder: Where it lies.
        run: Which run; may be left out where there is only one.
        stop: A name of `landscape.stops`; when None, the matched training loss where it was
            reached.
        examples: How many to measure on; as the study did when None.
        max_batch: Examples a forward pass; chosen by their size when None.
        problem_options: More options of `Problem`.

    Raises:
        UsageError: If there is no such run, or several and none is named.
        StorageError: If the run has no minimum there.
    """
    cell = chosen_cell(config, run, folder)
    found = [
        each
        for each in config.stops
        if folder.minimum(cell.id, each).exists() and folder.optimizer(cell.id, each).exists()
    ]
    if not found:
        raise StorageError(f"{folder.run(cell.id)} holds no minimum. Type 'landscape analyze' to finish the study.")
    if stop is not None and stop not in found:
        raise StorageError(f"{cell.id} has no minimum {stop!r} in {folder.root}; it has {' and '.join(found)}.")
    stop = stop or found[0]
    dataset = dataset_of(config, cell)
    if examples is not None:
        config = dataclasses.replace(config, examples=examples)
        check_examples(config, len(dataset.train[0]))
    minimum = minimum_of(
        config, cell, folder, stop, resolve_device(config.device), max_batch, **(problem_options or {})
    )
    origin = f"run {cell.id} of {folder.root}, {stop_words(stop)} (step {minimum.provenance['step']})"
    settings = {"study": str(folder.root), "run": cell.id, "stop": stop, **_settings(config, cell)}
    return OneMinimum(checked(minimum), cell.id, origin, dataset.num_classes, settings)


def find_run(path: Path) -> tuple[RunFolder, str | None]:
    """Return the study's folder and the run, if the path is that of one (``DIR/runs/ID``)."""
    if path.name == "study.toml":
        path = path.parent
    study = RunFolder(path.parent.parent)
    # a study of its own may lie in a folder named runs beside a study.toml
    own = RunFolder(path).study.is_file()
    if not own and path.parent.name == "runs" and study.study.is_file() and study.config(path.name).is_file():
        return existing_folder(study.root), path.name
    return existing_folder(path), None


def checked(minimum: Minimum) -> Minimum:
    """Return the minimum if its loss is finite.

    Raises:
        ProblemError: If it is not; says which batch.
    """
    problem, parameters = minimum.problem, minimum.problem.unflatten(minimum.theta)
    with torch.no_grad():
        for index, (batch, share) in enumerate(problem.batches()):
            loss = problem.batch_loss(parameters, batch)
            if not bool(torch.isfinite(loss)):
                count = round(share * problem.num_examples)
                raise ProblemError(
                    f"The loss of batch {index + 1} (of {count} examples) is {float(loss):g}: there is no curvature to "
                    f"measure. Look at the weights and the data, or try --dtype float64."
                )
    return minimum


def given_cell(config: StudyConfig) -> Cell:
    """Return what a given minimum is: its network, its data, its checkpoint if it has one."""
    if config.checkpoint:
        return cells(config)[0]
    values = {name: getattr(config, name)[0] for name in FACTORS}
    table = {**shared_table(config.model_option), **own_table(config.model_option, values["model"])}
    return Cell("initialised", "none", None, 0, config.seed, **values, model_option=combinations(table)[0])


def chosen_cell(config: StudyConfig, run: str | None, folder: RunFolder) -> Cell:
    """Return a run of a study by its name, which may be left out where there is only one.

    Raises:
        UsageError: If there is no such run, or several and none is named.
    """
    every = cells(config)
    ids = [cell.id for cell in every]
    listed = ", ".join(ids[:MOST_LISTED]) + (f" and {len(ids) - MOST_LISTED} more" if len(ids) > MOST_LISTED else "")
    if run is None and len(ids) > 1:
        raise UsageError(f"{folder.root} has {len(ids)} runs; say which with --run: {listed}.")
    if run is not None and run not in ids:
        raise UsageError(f"{folder.root} has no run {run!r}.{suggest(run, ids)} It has {listed}.")
    return every[0 if run is None else ids.index(run)]


def check_examples(config: StudyConfig, there: int) -> None:
    """Refuse to measure on more examples than there are.

    Raises:
        UsageError: If there are fewer.
    """
    if config.examples is not None and config.examples > there:
        raise UsageError(
            f"There are {there} training examples; examples asks for {config.examples}. Ask for {there} or fewer."
        )


def _settings(config: StudyConfig, cell: Cell) -> dict[str, Any]:
    named = {key: getattr(config, key) for key in ("loss", "dataset_option", "subset", "examples")}
    named = {"model_option": chosen(config.model_option, cell.model, cell.model_option), **named}
    data = {"data": config.data} if config.data else {"dataset": cell.dataset}
    made: Mapping[str, Any] = {**data, "model": cell.model, **named, "seed": cell.seed, "checkpoint": cell.checkpoint}
    factors = {"train_examples": cell.train_examples, "label_noise": cell.label_noise}
    return {key: value for key, value in {**made, **factors}.items() if value not in (None, {}, 0.0) or key == "seed"}
