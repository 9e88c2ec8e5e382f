"""What every contender's script does the same way: read rows, load the problem, time, and print what came out.

A script gives ``main`` two functions. ``product(loaded, setting)`` returns a function of one flat vector.
``tasks`` maps a task's name to ``(loaded, setting, seed) -> result``, and the whole call is timed, set-up included, as
a user pays it. A result holds ``values`` (eigenvalues, descending), ``trace`` and ``error``, or ``nodes`` and
``weights`` (a density); ``products``; ``certificate``, what the package says about its error.

With one thread, seconds are the processor's (of all threads of the process), so that what else runs on the machine does
not count; with more, the wall clock's.

The unit is a gradient: of the same loss over the same uneven batches, in plain PyTorch, in the same process.
"""

import json
import os
import resource
import statistics
import sys
import time
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path

import torch
from problems import Loaded, load
from torch import Tensor

Solver = Callable[[Loaded, dict, int], dict]


def main(product: Callable[[Loaded, dict], Callable[[Tensor], object]] | None, tasks: Mapping[str, Solver]) -> None:
    """Run the rows given as JSON on the command line; print one line of JSON for each."""
    rows = json.loads(sys.argv[1])
    torch.set_num_threads(rows[0]["threads"])
    first = _first_use(product, tasks)
    for row in rows:
        torch.set_num_threads(row["threads"])
        try:
            result = _run(row, product, tasks)
        except Exception as error:
            traceback.print_exc()
            result = {"failure": f"{type(error).__name__}: {str(error).splitlines()[0][:160] if str(error) else ''}"}
        print(json.dumps(result | {"first_use": first}), flush=True)


def _first_use(product: Callable | None, tasks: Mapping[str, Solver]) -> float:
    """Return the seconds of one product, or trace, on a tiny network: mostly PyTorch's lazy imports."""
    model = torch.nn.Sequential(torch.nn.Conv2d(1, 2, 3), torch.nn.ReLU(), torch.nn.Flatten(), torch.nn.Linear(8, 2))
    tiny = Loaded("tiny", model, torch.randn(3, 1, 4, 4), torch.tensor([0, 1, 0]), [2, 1], "synthetic")
    if product is not None:
        v = torch.randn(sum(each.numel() for each in model.parameters()))
        return seconds(lambda: product(tiny, {})(v))
    return seconds(lambda: tasks["trace"](tiny, {}, 0))


def batches_of(loaded: Loaded, setting: dict) -> list[tuple[Tensor, Tensor]]:
    """Return the uneven batches, or where the setting says so all examples as one batch or as four even ones."""
    kinds = {"whole": loaded.whole, "even": loaded.even}
    return kinds.get(setting.get("batches", ""), loaded.batches)


def gradient(loaded: Loaded) -> None:
    """Compute the gradient over all examples, batch by batch."""
    parameters = list(loaded.model.parameters())
    for x, y in loaded.batches:
        loss = torch.nn.functional.cross_entropy(loaded.model(x), y)
        torch.autograd.grad(loss * (len(x) / len(loaded.x)), parameters)


def seconds(function: Callable[[], object]) -> float:
    """Return how long a call takes."""
    start = _clock()
    function()
    return _clock() - start


def _clock() -> float:
    return time.process_time() if torch.get_num_threads() == 1 else time.perf_counter()


def _run(row: dict, product: Callable | None, tasks: Mapping[str, Solver]) -> dict:
    loaded = load(row["problem"], Path(os.environ["BENCH_PROBLEM"]))
    gradients = [seconds(lambda: gradient(loaded)) for _ in range(3)]
    before = _peak()
    if row["task"] == "product":
        result = _time_product(loaded, product(loaded, row["setting"]), row["seed"])
    else:
        start, wall = _clock(), time.perf_counter()
        result = tasks[row["task"]](loaded, row["setting"], row["seed"])
        result["seconds"], result["wall"] = _clock() - start, time.perf_counter() - wall
        result["gradient"] = min(gradients)
    return result | {"extra_memory": _peak() - before, "peak_memory": _peak()}


def _time_product(loaded: Loaded, H: Callable[[Tensor], object], seed: int) -> dict:
    """Return the median seconds of a product and of a gradient, taken in turns, after one product to warm up."""
    size = sum(each.numel() for each in loaded.model.parameters())
    vectors = [torch.randn(size, generator=torch.Generator().manual_seed(seed + i)) for i in range(5)]
    first = seconds(lambda: H(vectors[0]))
    pairs = [(seconds(lambda v=v: H(v)), seconds(lambda: gradient(loaded))) for v in vectors]
    products, gradients = zip(*pairs, strict=True)
    return {
        "first": first,
        "seconds": statistics.median(products),
        "gradient": statistics.median(gradients),
        "ratio": statistics.median(product / each for product, each in pairs),
        "products": 1,
    }


def _peak() -> int:
    """Return the largest resident size of this process so far, in bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
