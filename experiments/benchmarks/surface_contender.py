"""One way to compute a slice, timed in a process of its own; prints one line of JSON.

Seconds are the processor's, of one thread, so that what else runs on the machine counts little. A pass is the forward
pass of all examples in batches, in inference mode, measured in the same process before and after: the floor.
"""

import importlib
import json
import sys
import time
from collections.abc import Callable

import numpy as np
import torch
from surface_problems import Sliced, sliced
from torch import Tensor
from torch.nn import functional as F

PASSES = 5


def main() -> None:
    """Run the way, problem, examples and points named on the command line."""
    way, name, examples, points, out = sys.argv[1:6]
    torch.set_num_threads(1)
    problem = sliced(name, int(examples))
    before = [each.clone() for each in problem.model.state_dict().values()]
    _import(way)
    passes = [_pass_seconds(problem)]
    start = time.process_time()
    losses, evaluations, note = WAYS[way](problem, int(points))
    seconds = time.process_time() - start
    passes.append(_pass_seconds(problem))
    np.save(out, losses)
    center = float(_loss(problem))
    same = all(torch.equal(a, b) for a, b in zip(before, problem.model.state_dict().values(), strict=True))
    middle = int(points) // 2
    result = {
        "seconds": seconds,
        "pass_seconds": passes,
        "evaluations": evaluations,
        "untouched": same,
        "center_error": float(np.abs(losses / center - 1).min()),
        "center_in_middle": bool(abs(losses[middle, middle] / center - 1) < 1e-5),
        "note": note,
        "title": problem.title,
    }
    print(json.dumps(result))


def _import(way: str) -> None:
    """Import what a way needs, which is not what is measured."""
    ours = ("landscape.surfaces.adaptive", "landscape.surfaces.gaussian", "landscape.surfaces.point_evaluation")
    for name in ("loss_landscapes.metrics",) if way.startswith("loss-landscapes") else ours:
        importlib.import_module(name)


def _pass_seconds(problem: Sliced) -> float:
    with torch.inference_mode():
        _loss(problem)
        start = time.process_time()
        for _ in range(PASSES):
            _loss(problem)
    return (time.process_time() - start) / PASSES


def _loss(problem: Sliced) -> Tensor:
    batches = zip(problem.x.split(problem.batch), problem.y.split(problem.batch), strict=True)
    with torch.inference_mode():
        return sum(F.cross_entropy(problem.model(x), y, reduction="sum") for x, y in batches) / len(problem.x)


def loop(problem: Sliced, points: int) -> tuple[np.ndarray, int, str]:
    """A plain loop in PyTorch over the points of the same plane, without graphs."""
    grid = _grid(problem, points)
    losses = []
    for place in grid.coordinates:
        torch.nn.utils.vector_to_parameters(grid.point(place), problem.model.parameters())
        losses.append(float(_loss(problem)))
    torch.nn.utils.vector_to_parameters(grid.origin, problem.model.parameters())
    return np.array(losses).reshape(points, points), points**2, "vector_to_parameters, inference mode"


def exact(problem: Sliced, points: int) -> tuple[np.ndarray, int, str]:
    """This package, every point."""
    values = _values(problem, points)
    values.need_all()
    return values.columns["train_loss"].reshape(points, points), points**2, "--exact"


def adaptive(problem: Sliced, points: int) -> tuple[np.ndarray, int, str]:
    """This package, as it is used."""
    from landscape.surfaces.adaptive import fill_adaptively

    values = _values(problem, points)
    filled = fill_adaptively(values, 0.01)
    measured = filled.errors.get("train_loss", 0.0)
    return values.columns["train_loss"].reshape(points, points), filled.computed, f"measured error {measured:.5f}"


def loss_landscapes(problem: Sliced, points: int) -> tuple[np.ndarray, int, str]:
    """The package of that name as its documentation shows it: one metric over all examples at once."""
    import loss_landscapes
    from loss_landscapes.metrics import Loss

    metric = Loss(F.cross_entropy, problem.x, problem.y)
    found = loss_landscapes.random_plane(problem.model, metric, 1.0, points, normalization="filter")
    return np.asarray(found, dtype=np.float64), points**2, "metrics.Loss, deepcopy_model left at its default"


def loss_landscapes_batched(problem: Sliced, points: int) -> tuple[np.ndarray, int, str]:
    """The same with a metric of one's own, in batches and without graphs."""
    import loss_landscapes
    from loss_landscapes.metrics import Metric

    class Batched(Metric):
        def __call__(self, wrapper) -> float:
            batches = zip(problem.x.split(problem.batch), problem.y.split(problem.batch), strict=True)
            with torch.inference_mode():
                total = sum(F.cross_entropy(wrapper.forward(x), y, reduction="sum") for x, y in batches)
            return float(total) / len(problem.x)

    found = loss_landscapes.random_plane(problem.model, Batched(), 1.0, points, normalization="filter")
    return np.asarray(found, dtype=np.float64), points**2, "a batched metric of one's own in inference mode"


def _problem(problem: Sliced):
    from landscape import Problem

    return Problem(problem.model, "cross_entropy", (problem.x, problem.y), batch_size=problem.batch)


def _grid(problem: Sliced, points: int):
    from landscape.surfaces.gaussian import gaussian_directions
    from landscape.surfaces.grid import SliceGrid, axis_through_zero

    of = _problem(problem)
    axis = axis_through_zero(-1.0, 1.0, points)
    return SliceGrid(of.theta, tuple(gaussian_directions(of, of.theta, 2)), (axis, axis))


def _values(problem: Sliced, points: int):
    from landscape.surfaces.grid_values import GridValues
    from landscape.surfaces.point_evaluation import PointEvaluator

    return GridValues(_grid(problem, points), PointEvaluator({"train": _problem(problem)}))


WAYS: dict[str, Callable[[Sliced, int], tuple[np.ndarray, int, str]]] = {
    "loop": loop,
    "exact": exact,
    "adaptive": adaptive,
    "loss-landscapes": loss_landscapes,
    "loss-landscapes-batched": loss_landscapes_batched,
}

if __name__ == "__main__":
    main()
