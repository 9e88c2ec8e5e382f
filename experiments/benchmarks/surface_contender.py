"""One way to compute a slice, timed in a process of its own; prints one line of JSON.

Seconds are the processor's, of one thread, so that what else runs on the machine counts little. A pass is the forward
pass of all examples in batches, in inference mode, measured in the same process before and after: the floor. Where a
number of points is given, that many random points of the grid are computed instead of all (by loss-landscapes, which
takes no points, the same number on a coarser grid); a killed adaptive way goes on where it was.
"""

import importlib
import json
import math
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from surface_problems import Sliced, sliced
from torch import Tensor
from torch.nn import functional as F

PASSES = 5


def main() -> None:
    """Run the way, problem, examples, points an axis and points to compute (0: all) named on the command line."""
    way, name, examples, points, sample, out = sys.argv[1:7]
    torch.set_num_threads(1)
    problem = sliced(name, int(examples))
    before = [each.clone() for each in problem.model.state_dict().values()]
    _import(way)
    passes = [_pass_seconds(problem, 1 if int(sample) else PASSES)]
    start = time.process_time()
    task = Task(problem, int(points), int(sample), Path(out))
    losses, evaluations, note = WAYS[way](task)
    seconds = time.process_time() - start + task.earlier
    passes.append(_pass_seconds(problem, 1 if int(sample) else PASSES))
    np.save(out, losses)
    center = float(_loss(problem))
    same = all(torch.equal(a, b) for a, b in zip(before, problem.model.state_dict().values(), strict=True))
    result = {
        "seconds": seconds,
        "pass_seconds": passes,
        "evaluations": evaluations,
        "grid": int(points) ** 2,
        "untouched": same,
        "center_error": float(np.nanmin(np.abs(losses / center - 1))),
        "center_in_middle": bool(abs(losses.ravel()[losses.size // 2] / center - 1) < 1e-5),
        "note": note,
        "title": problem.title,
    }
    print(json.dumps(result))


@dataclass
class Task:
    """What is to be computed.

    Attributes:
        problem: The network and its examples.
        points: Of the grid, along each axis.
        sample: How many of them to compute; 0 for all.
        out: Where the losses will be written.
        earlier: Processor seconds of earlier processes that were killed.
    """

    problem: Sliced
    points: int
    sample: int
    out: Path
    earlier: float = 0.0

    @property
    def chosen(self) -> np.ndarray:
        """The points to compute: all, or the trained one and random others."""
        count, middle = self.points**2, self.points**2 // 2
        if not self.sample:
            return np.arange(count)
        others = np.delete(np.arange(count), middle)
        return np.sort([middle, *np.random.default_rng(0).choice(others, self.sample - 1, replace=False)])

    @property
    def coarse(self) -> int:
        """Points an axis of a grid of as many points."""
        return math.isqrt(self.sample) or self.points


def _import(way: str) -> None:
    """Import what a way needs, which is not what is measured."""
    ours = ("landscape.surfaces.adaptive", "landscape.surfaces.gaussian", "landscape.surfaces.point_evaluation")
    for name in ("loss_landscapes.metrics",) if way.startswith("loss-landscapes") else ours:
        importlib.import_module(name)


def _pass_seconds(problem: Sliced, passes: int) -> float:
    with torch.inference_mode():
        _loss(problem)
        start = time.process_time()
        for _ in range(passes):
            _loss(problem)
    return (time.process_time() - start) / passes


def _loss(problem: Sliced) -> Tensor:
    batches = zip(problem.x.split(problem.batch), problem.y.split(problem.batch), strict=True)
    with torch.inference_mode():
        return sum(F.cross_entropy(problem.model(x), y, reduction="sum") for x, y in batches) / len(problem.x)


def loop(task: Task) -> tuple[np.ndarray, int, str]:
    """A plain loop in PyTorch over the points of the same plane, without graphs."""
    grid, model = _grid(task), task.problem.model
    losses = np.full(task.points**2, np.nan)
    for index in task.chosen:
        torch.nn.utils.vector_to_parameters(grid.point(grid.coordinates[index]), model.parameters())
        losses[index] = float(_loss(task.problem))
    torch.nn.utils.vector_to_parameters(grid.origin, model.parameters())
    return losses.reshape(grid.shape), len(task.chosen), "vector_to_parameters, inference mode"


def exact(task: Task) -> tuple[np.ndarray, int, str]:
    """This package, every point."""
    values = _values(task)
    values.need(task.chosen.tolist())
    return values.columns["train_loss"].reshape(values.grid.shape), len(task.chosen), "--exact"


def adaptive(task: Task) -> tuple[np.ndarray, int, str]:
    """This package, as it is used."""
    from landscape.surfaces.adaptive import fill_adaptively

    kept, start = task.out.with_suffix(".partial.npz"), time.process_time()
    done = dict(np.load(kept)) if kept.exists() else {"seconds": np.zeros(1)}
    task.earlier = float(done.pop("seconds")[0])

    def save(columns: dict[str, np.ndarray]) -> None:
        spent = task.earlier + time.process_time() - start
        np.savez(kept.with_suffix(".part.npz"), seconds=np.array([spent]), **columns)
        kept.with_suffix(".part.npz").replace(kept)

    values = _values(task, done=done or None, save=save, every=20.0)
    filled = fill_adaptively(values, 0.01)
    measured = filled.errors.get("train_loss", 0.0)
    return values.columns["train_loss"].reshape(values.grid.shape), filled.computed, f"measured error {measured:.5f}"


def loss_landscapes(task: Task) -> tuple[np.ndarray, int, str]:
    """The package of that name as its documentation shows it: one metric over all examples at once."""
    import loss_landscapes
    from loss_landscapes.metrics import Loss

    problem = task.problem
    metric = Loss(F.cross_entropy, problem.x, problem.y)
    found = loss_landscapes.random_plane(problem.model, metric, 1.0, task.coarse, normalization="filter")
    return np.asarray(found, dtype=np.float64), task.coarse**2, "metrics.Loss, deepcopy_model left at its default"


def loss_landscapes_batched(task: Task) -> tuple[np.ndarray, int, str]:
    """The same with a metric of one's own, in batches and without graphs."""
    import loss_landscapes
    from loss_landscapes.metrics import Metric

    problem = task.problem

    class Batched(Metric):
        def __call__(self, wrapper) -> float:
            batches = zip(problem.x.split(problem.batch), problem.y.split(problem.batch), strict=True)
            with torch.inference_mode():
                total = sum(F.cross_entropy(wrapper.forward(x), y, reduction="sum") for x, y in batches)
            return float(total) / len(problem.x)

    found = loss_landscapes.random_plane(problem.model, Batched(), 1.0, task.coarse, normalization="filter")
    return np.asarray(found, dtype=np.float64), task.coarse**2, "a batched metric of one's own in inference mode"


def _problem(problem: Sliced):
    from landscape import Problem

    return Problem(problem.model, "cross_entropy", (problem.x, problem.y), batch_size=problem.batch)


def _grid(task: Task):
    from landscape.surfaces.gaussian import gaussian_directions
    from landscape.surfaces.grid import SliceGrid, axis_through_zero

    of = _problem(task.problem)
    axis = axis_through_zero(-1.0, 1.0, task.points)
    return SliceGrid(of.theta, tuple(gaussian_directions(of, of.theta, 2)), (axis, axis))


def _values(task: Task, **options):
    from landscape.surfaces.grid_values import GridValues
    from landscape.surfaces.point_evaluation import PointEvaluator

    return GridValues(_grid(task), PointEvaluator({"train": _problem(task.problem)}), **options)


WAYS: dict[str, Callable[[Task], tuple[np.ndarray, int, str]]] = {
    "loop": loop,
    "exact": exact,
    "adaptive": adaptive,
    "loss-landscapes": loss_landscapes,
    "loss-landscapes-batched": loss_landscapes_batched,
}

if __name__ == "__main__":
    main()
