"""How often a product makes the program wait for the device, as PyTorch counts it."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from place import Place, images

from landscape import Fisher, GaussNewton, Hessian, hutchinson, lanczos, power_iteration, spectral_density
from landscape.models import build_model


def waits(place: Place) -> dict[str, Any]:
    """Return the number of waits by what is done; products after the first, which chooses and holds."""
    count, side = place.size(512, 8), place.size(32, 8)
    model = build_model("resnet20", (3, side, side), 10, options={"width": place.size(16, 2)})
    problem = place.problem(model, *images(count, side), batch_size=count // 2)
    v = torch.randn(problem.num_parameters, generator=torch.Generator().manual_seed(1)).to(place.device)
    found: dict[str, Any] = {"counted": place.device.type == "cuda", "products": {}, "solvers": {}}
    makers = {
        "Hessian": Hessian,
        "Gauss-Newton": GaussNewton,
        "Fisher, Monte Carlo": lambda *a: Fisher(*a, kind="monte_carlo"),
    }
    for name, make in makers.items():
        for held in (True, False):
            operator = make(problem)
            operator.batches._full = not held
            _ = operator @ v
            with _counted(place) as seen:
                _ = operator @ v
            found["products"][f"{name}, {'held' if held else 'from scratch'}"] = len(seen)
    H, least, most = Hessian(problem), 4, place.size(12, 6)
    _ = H @ v
    solvers = {
        "Lanczos": lambda m: lanczos(H, 1, rtol=1e-12, max_matvecs=m),
        "power iteration": lambda m: power_iteration(H, 1, rtol=1e-12, max_matvecs=m),
        "Hutchinson": lambda m: hutchinson(H, rtol=1e-12, min_matvecs=2, max_matvecs=m),
    }
    for name, solve in solvers.items():
        counts = []
        for matvecs in (least, most):
            with _counted(place) as seen:
                solve(matvecs)
            counts.append(len(seen))
        found["solvers"][name] = (counts[1] - counts[0]) / (most - least)
    steps = place.size(40, 8)
    with _counted(place) as seen:
        spectral_density(H, num_probes=2, steps=steps)
    found["solvers"]["spectral density"] = len(seen) / (2 * steps)
    return found


@contextmanager
def _counted(place: Place) -> Iterator[list[Any]]:
    if place.device.type != "cuda":
        yield []
        return
    torch.cuda.set_sync_debug_mode("warn")
    try:
        with warnings.catch_warnings(record=True) as seen:
            warnings.simplefilter("always")
            yield seen
            seen[:] = [each for each in seen if "synchroniz" in str(each.message)]
    finally:
        torch.cuda.set_sync_debug_mode("default")
