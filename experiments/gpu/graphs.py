"""Whether compilation, captured graphs and many networks at once pay for small models."""

from collections.abc import Callable
from typing import Any

import torch
from place import Place, spread

from landscape import Hessian, Problem
from landscape.data import load_dataset
from landscape.losses import cross_entropy
from landscape.models import build_model
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
    """Return the seconds of a held product as it is called, and replayed as a captured graph where there is a GPU."""
    found: dict[str, Any] = {}
    for name in ("mlp", "cnn"):
        problem = _digits(place, name, place.size(1000, 40))
        H = Hessian(problem)
        v = torch.randn(problem.num_parameters, generator=torch.Generator().manual_seed(1)).to(place.device)
        exact = H @ v
        ways: dict[str, Callable[[], Callable[[], Any]]] = {"plain": lambda H=H, v=v: lambda: (H @ v).norm()}
        if place.device.type == "cuda":
            ways["captured"] = lambda problem=problem, v=v: _captured(problem, v)
        found[name] = _compared(place, ways) | {"size": float(exact.norm())}
    return found


def _captured(problem: Problem, v: torch.Tensor) -> Callable[[], torch.Tensor]:
    """Return a replay of one product as a graph of kernels: possible because nothing in it waits for the device."""
    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        # linearised here, for backward passes run on the stream of their forward pass
        H = Hessian(problem)
        for _ in range(3):
            _ = H @ v
    torch.cuda.current_stream().wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph, stream=side):
        product = H @ v

    def replay() -> torch.Tensor:
        graph.replay()
        return product.norm()

    return replay


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
