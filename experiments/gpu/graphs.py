"""Whether compilation, captured graphs and many networks at once pay for small models."""

import functools
from collections.abc import Callable
from typing import Any

import torch
from place import Place, spread

from landscape import Hessian, Problem
from landscape.data import load_dataset
from landscape.losses import cross_entropy
from landscape.models import build_model
from landscape.operators.replayed import REPLAY_AFTER
from landscape.surfaces.point_evaluation import PointEvaluator
from landscape.training import TrainingConfig, train
from landscape.training.population import train_population


def surfaces(place: Place) -> dict[str, Any]:
    """Return the seconds of points of a slice, plainly and through ``torch.compile`` (on a GPU as captured graphs)."""
    problem = _digits(place, "cnn", place.size(1000, 40))
    generator = torch.Generator().manual_seed(0)
    theta, count = problem.theta, place.size(200, 4)
    steps = 0.01 * torch.randn(count, problem.num_parameters, generator=generator).to(place.device)

    def points(compiled: bool) -> Callable[[], list[float]]:
        evaluator = PointEvaluator({"train": problem}, compiled=compiled)
        return lambda: [each["train"].loss for each in evaluator(theta + step for step in steps)]

    return _compared(place, {"plain": lambda: points(False), "compiled": lambda: points(True)}) | {"points": count}


def populations(place: Place) -> dict[str, Any]:
    """Return the seconds of training many small networks one by one, and as one batched model."""
    digits = load_dataset("digits", train_examples=place.size(1024, 64))
    configs = [
        TrainingConfig("sgd", 0.02, batch_size=64, steps=place.size(50, 2), seed=seed)
        for seed in range(place.size(16, 2))
    ]

    def networks() -> list[torch.nn.Module]:
        return [build_model("cnn", digits.input_shape, 10, seed=each.seed) for each in configs]

    def one_by_one() -> list[float]:
        pairs = zip(networks(), configs, strict=True)
        return [train(each, cross_entropy, digits, own, device=place.device).end.train_loss for each, own in pairs]

    def together() -> list[float]:
        found = train_population(networks(), cross_entropy, digits, configs, device=place.device)
        return [each.end.train_loss for each in found]

    ways = {"one by one": lambda: one_by_one, "together": lambda: together}
    return _compared(place, ways) | {"members": len(configs)}


def products_of_small_models(place: Place) -> dict[str, Any]:
    """Return the seconds of a held product as it is called, and replayed as the library does where there is a GPU."""
    found: dict[str, Any] = {}
    for name in ("mlp", "cnn", "resnet20"):
        problem = _digits(place, name, place.size(1000, 40))
        v = torch.randn(problem.num_parameters, generator=torch.Generator().manual_seed(1)).to(place.device)
        ways = {"plain": functools.partial(_products, problem, v, False)}
        if place.device.type == "cuda":
            ways["replayed"] = functools.partial(_products, problem, v, True)
            ways["as it is chosen"] = functools.partial(_products, problem, v, None)
        found[name] = _compared(place, ways) | {"size": float((Hessian(problem) @ v).norm())}
    return found


def _products(problem: Problem, v: torch.Tensor, replays: bool | None) -> Callable[[], torch.Tensor]:
    """Return a product on held batches, after those that set it up."""
    H = Hessian(problem)
    H.batches.replays = replays
    for _ in range(REPLAY_AFTER + 1):
        _ = H @ v
    return lambda: (H @ v).norm()


def _digits(place: Place, name: str, count: int) -> Problem:
    digits = load_dataset("digits", train_examples=count)
    return place.problem(build_model(name, digits.input_shape, 10), *digits.train)


def _compared(place: Place, ways: dict[str, Callable[[], Callable[[], Any]]]) -> dict[str, Any]:
    """Return the seconds of each way, how far its result is from the first one's, and the ratios to it."""
    found: dict[str, Any] = {"ways": {}}
    first: torch.Tensor | None = None
    for name, make in ways.items():
        try:
            call = make()
            result = torch.as_tensor(call(), dtype=torch.float64).cpu()
            first = result if first is None else first
            apart = float(((result - first).abs() / first.abs()).max())
            found["ways"][name] = spread(place.seconds(call)) | {"apart": apart}
        except Exception as error:
            # of any type: what one way lacks (a compiler, say) is no reason to leave out the other
            found["ways"][name] = {"error": f"{type(error).__name__}: {str(error).splitlines()[0][:200]}"}
    return found
