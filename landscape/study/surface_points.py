"""The points that a surface goes through: minima of runs or checkpoints, initialisation, checkpoints of a training."""

import copy
import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from landscape.errors import LandscapeError, UsageError
from landscape.minimum import Minimum
from landscape.problem import Problem
from landscape.registry import losses
from landscape.study.cells import Cell
from landscape.study.config import StudyConfig
from landscape.study.folder import RunFolder
from landscape.study.measure_cell import problem_of
from landscape.study.one_minimum import OneMinimum, checked, chosen_cell, given_cell, given_minimum, stored_minimum
from landscape.study.own_examples import takes_own_examples
from landscape.study.train_cell import dataset_of, model_of
from landscape.training import load_into
from landscape.training.checkpoint import read_tensors


@dataclass(frozen=True)
class SurfacePoints:
    """One or more points of one network, and the examples to evaluate it on.

    Attributes:
        ones: The minima, the first one that from which everything is measured.
        names: A short name for each.
        test: The first one's network on test examples; None where a user's own data have none.
        populations: How many examples there are in all, by ``train`` and ``test``, where that is known.
        subset: Whether some of them were drawn.
        initial: The network before training, shape ``(n,)``, where it is known.
        trajectory: (name, parameters) of checkpoints along the training of the first, in order.
    """

    ones: tuple[OneMinimum, ...]
    names: tuple[str, ...]
    test: Problem | None
    populations: Mapping[str, int]
    subset: bool = False
    initial: Tensor | None = None
    trajectory: tuple[tuple[str, Tensor], ...] = ()

    @property
    def minimum(self) -> Minimum:
        """The first one."""
        return self.ones[0].minimum

    @property
    def problem(self) -> Problem:
        """The training problem of the first one."""
        return self.minimum.problem

    @property
    def problems(self) -> dict[str, Problem]:
        """The sets of examples by name."""
        return {"train": self.problem} if self.test is None else {"train": self.problem, "test": self.test}

    @property
    def thetas(self) -> list[Tensor]:
        """The minima, shape ``(n,)`` each."""
        return [one.minimum.theta for one in self.ones]


def given_points(
    config: StudyConfig, max_batch: int | None = None, *, ordered: bool = False, process_group: Any = None
) -> SurfacePoints:
    """Return the points of some checkpoints, or the network as initialised where there is none.

    Args:
        config: Data, network and loss, one of each; any number of checkpoints.
        max_batch: Examples a forward pass; chosen by their size when None.
        ordered: Whether the checkpoints are those of one training, the trained one last: that one is then the only
            minimum.
        process_group: Processes that share the work; see `Problem`.

    Raises:
        UsageError: If a checkpoint does not fit the network.
    """
    given = config.checkpoint[-1:] if ordered else config.checkpoint
    singles = [dataclasses.replace(config, checkpoint=(each,)) for each in given] or [config]
    found = [given_minimum(single, max_batch, problem_options={"process_group": process_group}) for single in singles]
    cells = [given_cell(single) for single in singles]
    names = [cell.optimizer if cell.checkpoint else "initialised" for cell in cells]
    along = []
    for each in config.checkpoint if ordered else ():
        cell = given_cell(dataclasses.replace(config, checkpoint=(each,)))
        model = copy.deepcopy(found[0].minimum.problem.model)
        load_into(model, cell.checkpoint or "")
        along.append((cell.optimizer, _flat(found[0].minimum.problem, dict(model.named_parameters()))))
    points = SurfacePoints(tuple(found), tuple(names), *_test(singles[0], cells[0], found[0], max_batch))
    return dataclasses.replace(_checked(points), trajectory=tuple(along))


def stored_points(
    config: StudyConfig,
    folder: RunFolder,
    runs: Sequence[str | None],
    *,
    stop: str | None = None,
    checkpoints: Sequence[str] = (),
    examples: int | None = None,
    max_batch: int | None = None,
    process_group: Any = None,
) -> SurfacePoints:
    """Return minima of a study, then those of files, with the initialisation and the trajectory of the first.

    Args:
        config: The study's, with the precision and device to measure with.
        folder: Where it lies.
        runs: Which; None for the only one.
        stop: ``"matched"``, ``"end"`` or an average of the weights; when None, the matched training loss where it was
            reached.
        checkpoints: Files of weights, such as averages of a training.
        examples: How many to evaluate; as the study did when None.
        max_batch: Examples a forward pass; chosen by their size when None.
        process_group: Processes that share the work; see `Problem`.

    Raises:
        UsageError: If there is no such run, or the networks differ.
    """
    options = {"process_group": process_group}
    found = [
        stored_minimum(
            config, folder, run=run, stop=stop, examples=examples, max_batch=max_batch, problem_options=options
        )
        for run in runs
    ]
    found += [_of_file(found[0], path) for path in checkpoints]
    config = config if examples is None else dataclasses.replace(config, examples=examples)
    cell = chosen_cell(config, runs[0], folder)
    problem = found[0].minimum.problem
    points = SurfacePoints(tuple(found), tuple(one.name for one in found), *_test(config, cell, found[0], max_batch))
    initial = None
    if cell.checkpoint is None:
        initial = _flat(problem, dict(model_of(config, cell, dataset_of(config, cell)).named_parameters()))
    along = []
    for path in folder.checkpoints(cell.id):
        tensors, about = read_tensors(path)
        along.append((f"step {about['step']}", _flat(problem, tensors)))
    return dataclasses.replace(_checked(points), initial=initial, trajectory=tuple(along))


def _of_file(first: OneMinimum, path: str) -> OneMinimum:
    """Return the weights of a file as another minimum of the first one's problem."""
    model = copy.deepcopy(first.minimum.problem.model)
    load_into(model, path)
    theta = _flat(first.minimum.problem, dict(model.named_parameters()))
    minimum = Minimum(first.minimum.problem, theta, provenance={"checkpoint": path})
    settings = {**first.settings, "run": None, "stop": None, "checkpoint": path}
    return OneMinimum(checked(minimum), Path(path).stem, f"the weights of {path}", first.num_classes, settings)


def _test(
    config: StudyConfig, cell: Cell, one: OneMinimum, max_batch: int | None
) -> tuple[Problem | None, Mapping[str, int], bool]:
    """Return the test problem, how many examples there are in all, and whether some of them were drawn."""
    problem = one.minimum.problem
    try:
        dataset = dataset_of(config, cell)
    except LandscapeError:
        if not takes_own_examples(config, cell):
            raise
        # examples of a kind that no study could train on: there is no telling which are for testing
        known = {} if config.examples else {"train": problem.num_examples}
        return None, known, config.examples is not None
    loss = losses[config.loss].value
    test = problem_of(config, cell, problem.device, "test", loss=loss, batch_size=max_batch)
    test.model.load_state_dict(problem.model.state_dict())
    there = {"train": len(dataset.train[0]), "test": len(dataset.test[0])}
    drawn = problem.num_examples < there["train"] or test.num_examples < there["test"]
    return test, there, drawn


def _flat(problem: Problem, tensors: Mapping[str, Tensor]) -> Tensor:
    return problem.flatten([tensors[name].detach() for name in problem.parameter_names])


def _checked(points: SurfacePoints) -> SurfacePoints:
    """Return the points if they are of one architecture."""
    first = points.problem
    for one, name in zip(points.ones[1:], points.names[1:], strict=True):
        problem = one.minimum.problem
        if problem.parameter_names == first.parameter_names and problem.shapes == first.shapes:
            continue
        raise UsageError(
            f"{points.names[0]} and {name} are different architectures, {_size(first)} and {_size(problem)}: no line "
            f"joins them. Choose minima of one network."
        )
    return points


def _size(problem: Problem) -> str:
    return f"{problem.num_parameters:,} parameters in {len(problem.shapes)} tensors"
