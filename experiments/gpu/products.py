"""A Hessian-vector product on ResNet-18 at a large batch: its rate, and what bounds it."""

from collections import defaultdict
from typing import Any

import torch
from place import Place, images, spread
from torch.profiler import ProfilerActivity, profile
from torch.utils.flop_counter import FlopCounterMode

from landscape import GaussNewton, Hessian
from landscape.errors import ProblemError
from landscape.models import build_model

KINDS = (
    ("convolutions", ("conv", "cudnn", "wgrad", "dgrad", "fprop", "implicit", "winograd")),
    ("batch norm", ("batch_norm", "bn_", "norm")),
    ("matrix products", ("gemm", "mm", "linear")),
    ("copies", ("memcpy", "copy", "memset", "cat")),
    ("elementwise and reductions", ("elementwise", "reduce", "threshold", "add", "mul", "relu", "sum")),
)


def small_images(place: Place) -> dict[str, Any]:
    """Return what a product on the network for 32x32 images takes."""
    model = build_model("resnet18", (3, 32, 32), 10, options={"width": place.size(64, 4)})
    return _measured(place, model, place.size(32, 8), place.size(1024, 8), 10)


def imagenet_shape(place: Place) -> dict[str, Any]:
    """Return what a product on torchvision's network for 224x224 images takes."""
    side = place.size(224, 32)
    model = build_model("torchvision:resnet18", (3, side, side), 1000)
    return _measured(place, model, side, place.size(1024, 2), 1000)


def _measured(place: Place, model: torch.nn.Module, side: int, count: int, classes: int) -> dict[str, Any]:
    """Return the times of products and of a gradient, at the largest batch that fits into memory, halving it."""
    while True:
        try:
            return _at(place, model, side, count, classes)
        except (torch.OutOfMemoryError, ProblemError) as error:
            # a batch that is larger than the memory budget is refused before it runs out
            if count == 1 or not (isinstance(error, torch.OutOfMemoryError) or "memory budget" in str(error)):
                raise
        # here the failed attempt's tensors are gone
        count //= 2
        torch.cuda.empty_cache()


def _at(place: Place, model: torch.nn.Module, side: int, count: int, classes: int) -> dict[str, Any]:
    if place.device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(place.device)
    problem = place.problem(model, *images(count, side, classes), batch_size=count)
    v = torch.randn(problem.num_parameters, generator=torch.Generator().manual_seed(1)).to(place.device)
    found: dict[str, Any] = {"batch": count, "side": side, "parameters": problem.num_parameters}
    found["gradient"] = _timed(place, problem.gradient)
    for name, make in (("hessian", Hessian), ("gauss_newton", GaussNewton)):
        operator = make(problem)
        found[name] = _timed(place, lambda operator=operator: operator @ v)
        found[name] |= {"held": operator.batches.count, "held_bytes": operator.batches.held_bytes}
        if name == "hessian":
            found[name]["kind"] = operator.describe()
            found[name]["bounds"] = _bounds(place, lambda operator=operator: operator @ v)
        del operator
    if place.device.type == "cuda":
        found["peak_bytes"] = torch.cuda.max_memory_allocated(place.device)
    return found


def _timed(place: Place, call: Any) -> dict[str, Any]:
    seconds = spread(place.seconds(call))
    counter = FlopCounterMode(display=False)
    with counter:
        call()
    return {**seconds, "operations": counter.get_total_flops()}


def _bounds(place: Place, call: Any) -> list[dict[str, Any]]:
    """Return the time by kinds of kernels, with the slowest of each; on a CPU that of torch's operations."""
    gpu = place.device.type == "cuda"
    with profile(activities=[ProfilerActivity.CUDA if gpu else ProfilerActivity.CPU]) as seen:
        call()
        place.wait()
    spent: dict[str, float] = defaultdict(float)
    calls: dict[str, int] = defaultdict(int)
    slowest: dict[str, tuple[float, str]] = {}
    for event in seen.key_averages():
        time = event.self_device_time_total if gpu else event.self_cpu_time_total
        kind = next((kind for kind, words in KINDS if any(word in event.key.lower() for word in words)), "others")
        spent[kind] += time / 1e6
        calls[kind] += event.count
        slowest[kind] = max(slowest.get(kind, (0.0, "")), (time / 1e6, event.key[:80]))
    total = sum(spent.values()) or 1.0
    return [
        {"kind": kind, "seconds": seconds, "share": seconds / total, "calls": calls[kind], "slowest": slowest[kind][1]}
        for kind, seconds in sorted(spent.items(), key=lambda each: -each[1])
    ]
