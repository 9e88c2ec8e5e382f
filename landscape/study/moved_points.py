"""Minima moved along the rescalings of their neurons, function unchanged, and measured there again."""

import numpy as np
import torch

from landscape import store
from landscape.errors import ProblemError
from landscape.measures import measure_minimum
from landscape.measures.orbit import terms
from landscape.minimum import Minimum
from landscape.problem import Problem
from landscape.randomness import derive_seed
from landscape.solvers.matrix_balancing import balance
from landscape.study import record
from landscape.study.cells import Cell
from landscape.study.config import StudyConfig
from landscape.study.folder import RunFolder
from landscape.study.measure_cell import measure_options, minimum_of, problem_of
from landscape.symmetries import Neurons, NotUnderstoodError, find_neurons
from landscape.symmetries.apply import at_parameters, rescaled

RESCALED, BALANCED = "rescaled", "balanced"
SPREAD = 0.5
"""Standard deviation of the logarithm by which a neuron is rescaled."""


def move_cell(config: StudyConfig, cell: Cell, folder: RunFolder, device: torch.device) -> None:
    """Measure the points that a run's minima are moved to, and write a row for each; what is written is left alone.

    The points are ``"rescaled"``, every neuron by a log-normal number, and ``"balanced"``, the point of least weight
    norm among all rescalings: there the squared weights into a neuron weigh as much as those out of it, as they do
    along gradient flow from a balanced start (Du, Hu, Lee 2018); Adam's updates move away from it.
    """
    for stop, missing in missing_moves(config, cell, folder).items():
        minimum = minimum_of(config, cell, folder, stop, device)
        test = problem_of(config, cell, device, "test")
        test.model.load_state_dict(minimum.problem.model.state_dict())
        for point in missing:
            row = {"stop": stop, "point": point, **_measured(config, cell, minimum, test, point)}
            store.append_row(folder.moved(cell.id), row, seal=True)


def missing_moves(config: StudyConfig, cell: Cell, folder: RunFolder) -> dict[str, list[str]]:
    """Return the points to which each minimum of a trained run has not been moved yet, by its stop."""
    done = {(row["stop"], row["point"]) for row in store.read_rows(folder.moved(cell.id), record.MOVED)}
    missing = {stop: [point for point in config.move if (stop, point) not in done] for stop in config.stops}
    return {stop: points for stop, points in missing.items() if points and folder.minimum(cell.id, stop).exists()}


def _measured(config: StudyConfig, cell: Cell, minimum: Minimum, test: Problem, point: str) -> dict[str, object]:
    """What a point is like: its scores against those before, and its measurements; or why there is none."""
    nothing: dict[str, object] = {"reason": "", "measurements": {}, "changes": None, "log_scale": None}
    try:
        neurons = find_neurons(minimum.problem, minimum.theta)
        if not neurons.groups:
            return nothing | {"reason": "no neuron can be rescaled"}
        z = log_scales(minimum, neurons, point, cell.seed)
    except (NotUnderstoodError, ProblemError) as error:
        return nothing | {"reason": str(error)}
    theta = rescaled(minimum.problem, minimum.theta, neurons, z)
    problem = at_parameters(minimum.problem, theta)
    # what the optimizer keeps belongs to the coordinates that it was gathered in
    there = Minimum(problem, theta, None, minimum.provenance, minimum.memory, initial=minimum.initial)
    found = measure_minimum(
        there, config.measures, seed=cell.seed, options=measure_options(config), keep_going=True, warn=False
    )
    free = np.concatenate(neurons.groups)
    return {
        "reason": "",
        "measurements": {name: each.to_dict() for name, each in found.items()},
        "changes": _changes(minimum, test, theta),
        "log_scale": float(np.sqrt(np.mean(z[free] ** 2))),
    }


def log_scales(minimum: Minimum, neurons: Neurons, point: str, seed: int) -> np.ndarray:
    """Return by how much each neuron's scale is moved, in logarithms, shape ``(neurons.count,)``."""
    if point == RESCALED:
        z, free = np.zeros(neurons.count), np.concatenate(neurons.groups)
        z[free] = SPREAD * np.random.default_rng(derive_seed(seed, "neuron rescaling")).normal(size=len(free))
        return z
    into, out_of, squares = terms(minimum, neurons, minimum.theta.double() ** 2)
    # weights grow with the neuron that they lead into, where curvature shrinks
    return balance(out_of, into, squares, neurons.count, rtol=1e-14).log_scales


def _changes(minimum: Minimum, test: Problem, theta: torch.Tensor) -> dict[str, float | None]:
    """How far the scores are from those before: nothing but rounding, where the function is the same."""
    changes: dict[str, float | None] = {}
    for part, problem in (("train", minimum.problem), ("test", test)):
        before, after = problem.evaluate(minimum.theta), problem.evaluate(theta)
        changes[f"{part}_loss"] = after.loss - before.loss
        known = before.accuracy is not None and after.accuracy is not None
        changes[f"{part}_accuracy"] = after.accuracy - before.accuracy if known else None  # type: ignore[operator]
    return changes
