"""A training that is measured every few steps, which changes nothing about it."""

import dataclasses
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import torch

from landscape.errors import ProblemError
from landscape.problem import Problem
from landscape.tracking.edge import edge_of_stability
from landscape.tracking.row import TrackRow
from landscape.tracking.settings import TrackSettings
from landscape.tracking.stop import Step, Warm, measure_stop
from landscape.training.determinism import repeatable
from landscape.training.optimizer_definition import optimizer_definition
from landscape.training.optimizer_state import flat_tensors
from landscape.training.rewind import capture, restore
from landscape.training.run import Run, clear_gradients, take_steps, warm_up


@dataclass
class Followed:
    """How far a tracked training is; together with the live run all that it needs to go on.

    Attributes:
        step: Steps taken.
        warm: What the last stop leaves to the next.
        seconds_training: Time of the steps so far.
        seconds_measuring: Time of the measurements so far.
        bound: Loss above which training counts as diverged; None before the first stop.
    """

    step: int = 0
    warm: Warm = field(default_factory=Warm)
    seconds_training: float = 0.0
    seconds_measuring: float = 0.0
    bound: float | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return it as tensors and plain types."""
        return {**vars(self), "warm": vars(self.warm)}

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> "Followed":
        """Return what `to_dict` gave."""
        return cls(**{**values, "warm": Warm(**values["warm"])})


def follow(
    run: Run,
    problem: Problem,
    settings: TrackSettings,
    followed: Followed,
    *,
    clock: Callable[[], float] = time.perf_counter,
) -> Iterator[TrackRow]:
    """Yield a row at every ``every``-th step, from the first to the one after the last.

    After each row the run is live one step beyond it (after the last row: at it), so that the caller can write down
    where it is; ``followed`` says where. What happens between two rows is bit for bit what happens without measuring.

    Args:
        run: Live after ``followed.step`` steps.
        problem: The measured examples, with a model of its own like the run's.
        settings: What to measure.
        followed: How far it is; changed.
        clock: What the seconds are read from.

    Yields:
        What was measured; the last row of a diverged training says so.

    Raises:
        ProblemError: If the loss is not finite before training.

    Cost:
        A gradient, two losses and the products of the solvers at each stop, over the measured examples.
    """
    total = len(run.learning_rates)
    # one more, for the step beyond the end that is taken and undone
    run = dataclasses.replace(run, learning_rates=(*run.learning_rates, run.learning_rates[-1]))
    if not followed.step:
        warm_up(run)
    while followed.step <= total:
        coming = -(-followed.step // settings.every) * settings.every
        stop = min(coming, total)
        followed.seconds_training += _timed(run, followed.step, stop, clock)
        row = _stop(run, problem, settings, followed, stop, clock, last=stop == total)
        followed.step = stop + 1
        yield row
        if row.diverged:
            return


def check_start(loss: float) -> None:
    """Refuse a training that starts nowhere.

    Raises:
        ProblemError: If the loss is not finite.
    """
    if not math.isfinite(loss):
        raise ProblemError(f"The training loss is {loss} before training. Check the data and the model.")


def _stop(
    run: Run,
    problem: Problem,
    settings: TrackSettings,
    followed: Followed,
    at: int,
    clock: Callable[[], float],
    *,
    last: bool,
) -> TrackRow:
    """Measure at step ``at`` and take the step from there; undo it if it is beyond the end."""
    start = clock()
    with repeatable(run.device):
        problem.model.load_state_dict(run.model.state_dict())
        theta = problem.theta
        scores = problem.evaluate(theta)
    row = TrackRow(at, run.epochs_at(at), run.learning_rates[at], None)
    finite = math.isfinite(scores.loss)
    if followed.bound is None:
        check_start(scores.loss)
        followed.bound = run.config.max_loss or 1000 * max(1.0, scores.loss)
    spent = clock() - start
    if not finite or scores.loss > followed.bound:
        found: dict[str, Any] = {"diverged": _divergence(scores.loss, at, followed.bound), "converged": False}
    else:
        before = capture(run) if last else None
        seconds = _timed(run, at, at + 1, clock)
        start = clock()
        step = _step_taken(run, problem, theta, at)
        if before is None:
            followed.seconds_training += seconds
        else:
            restore(run, before)
        with repeatable(run.device):
            found = measure_stop(problem, theta, scores.loss, step, settings, followed.warm)
        found["step_gradient_norm"] = _finite(float(run.norms))
        spent += clock() - start
    followed.seconds_measuring += spent
    return dataclasses.replace(
        row,
        train_loss=_finite(scores.loss),
        train_accuracy=scores.accuracy,
        seconds_training=followed.seconds_training,
        seconds_measuring=followed.seconds_measuring,
        **found,
    )


def _timed(run: Run, first: int, last: int, clock: Callable[[], float]) -> float:
    """Take the steps and return their seconds, the device's work included."""
    run.norms.zero_()
    start = clock()
    with repeatable(run.device):
        for _ in take_steps(run, first, last):
            pass
    if run.device.type == "cuda":
        torch.cuda.synchronize(run.device)
    clear_gradients(run)
    return clock() - start


def _step_taken(run: Run, problem: Problem, theta: torch.Tensor, at: int) -> Step:
    """Return the step that was just taken from ``at``."""
    config, number = run.config, at + 1
    definition = optimizer_definition(config.optimizer)
    edge = edge_of_stability(
        config.optimizer,
        config.optimizer_options,
        run.learning_rates[at],
        step=number,
        gradient_norm=float(run.norms),
        clip_norm=config.clip_norm,
    )
    diagonal = None
    if definition.diagonal is not None:
        state = flat_tensors(run.optimizer, run.parameters)
        diagonal = definition.diagonal(config.optimizer_options, number, state)
    update = problem.flatten([each.detach() for each in run.parameters]) - theta
    # where the training set is a step's batch, the measured examples stand for it
    whole = run.steps_per_epoch == 1
    return Step(number, update, diagonal, edge, problem.num_examples if whole else run.batch_size)


def _divergence(loss: float, step: int, bound: float) -> str:
    return f"The training loss is {loss:g} at step {step}; above {bound:g} a run counts as diverged."


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
