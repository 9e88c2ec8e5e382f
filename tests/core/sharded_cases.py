"""Models whose parameters are sharded, and what each of several processes finds of them.

Run as a program it is one of these processes: ``sharded_cases.py RANK COUNT FOLDER``.
"""

import gc
import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.distributed as dist
from torch import nn

CASES = ("uneven", "frozen and tied", "convolutions", "more processes than examples", "two parameters")


class Tied(nn.Module):
    """A layer that is not measured between two that share a weight."""

    def __init__(self):
        super().__init__()
        self.first, self.between, self.last = nn.Linear(4, 5), nn.Linear(5, 4), nn.Linear(4, 5, bias=False)
        self.last.weight = self.first.weight
        self.between.requires_grad_(False)

    def forward(self, x):
        return self.last(torch.tanh(self.between(torch.tanh(self.first(x)))))


def make(case):
    """Return the plain model in float64."""
    torch.manual_seed(0)
    if case == "frozen and tied":
        return Tied().double()
    if case == "convolutions":
        head = nn.Sequential(nn.AvgPool2d(3), nn.Flatten(), nn.Linear(12, 3))
        return nn.Sequential(nn.Conv2d(2, 3, 3, padding=1), nn.BatchNorm2d(3), nn.Softplus(), head).double()
    if case == "two parameters":
        return nn.Linear(2, 1, bias=False).double()
    # 7 rows, 3 and 1: no shards are even, and some processes have none of the last layer
    return nn.Sequential(nn.Linear(5, 7), nn.LayerNorm(7), nn.Tanh(), nn.Linear(7, 3), nn.Linear(3, 1)).double()


def data(case):
    """Return (x, y)."""
    generator = torch.Generator().manual_seed(1)
    count = 2 if case == "more processes than examples" else 11
    shape = {"frozen and tied": (4,), "convolutions": (2, 6, 6), "two parameters": (2,)}.get(case, (5,))
    x = torch.randn(count, *shape, generator=generator, dtype=torch.float64)
    if case == "convolutions":
        return x, torch.arange(count) % 3
    outputs = 5 if case == "frozen and tied" else 1
    return x, torch.randn(count, outputs, generator=generator, dtype=torch.float64)


def loss(case):
    """Return the criterion, by its name here and as a function of torch."""
    return ("cross_entropy", nn.CrossEntropyLoss()) if case == "convolutions" else ("mse", nn.MSELoss())


def directions(count):
    """Return two vectors as columns."""
    return torch.randn(count, 2, generator=torch.Generator().manual_seed(2), dtype=torch.float64)


def shard(model, case):
    """Return the model with its parameters dealt out over all processes."""
    from torch.distributed.fsdp import MixedPrecisionPolicy, fully_shard

    mesh = dist.init_device_mesh("cpu", (dist.get_world_size(),))
    policy = MixedPrecisionPolicy(param_dtype=torch.bfloat16 if case == "convolutions" else None)
    if isinstance(model, nn.Sequential):
        fully_shard(model[0], mesh=mesh, mp_policy=policy)
    return fully_shard(model, mesh=mesh, mp_policy=policy)


def state(model):
    """Return what has to be as it was, down to the bits and the objects."""
    from torch.distributed.tensor import DTensor

    named = [*model.named_parameters(), *model.named_buffers()]
    local = {name: each.to_local() if isinstance(each, DTensor) else each for name, each in named}
    return {
        "bits": {name: each.detach().clone() for name, each in local.items()},
        "objects": {name: (id(each), type(each).__name__, each.grad is None) for name, each in named},
        "modules": {
            name: (
                type(each).__name__,
                each.training,
                [*each._forward_pre_hooks],
                [*each._forward_hooks],
                {*vars(each)},
            )
            for name, each in model.named_modules()
        },
    }


def alike(before, after):
    """Return whether two states are the same to the bit."""
    bits = all(torch.equal(each, after["bits"][name]) for name, each in before["bits"].items())
    return bits and all(before[name] == after[name] for name in ("objects", "modules"))


def elements():
    """Return how many numbers there are in tensors that are no shards, by their storages."""
    from torch.distributed.tensor import DTensor

    gc.collect()
    plain = [
        each for each in gc.get_objects() if issubclass(type(each), torch.Tensor) and not isinstance(each, DTensor)
    ]
    return sum({each.untyped_storage().data_ptr(): each.untyped_storage().nbytes() // 8 for each in plain}.values())


def found(case) -> dict[str, Any]:
    """Return what this process finds of a case, as plain tensors and numbers."""
    from landscape import GaussNewton, Hessian, Problem, lanczos, measure
    from landscape.solvers.krylov_basis import KrylovBasis
    from landscape.solvers.memory_plan import plan_memory, rows_of_density

    model = shard(make(case), case)
    before, (x, y), name = state(model), data(case), loss(case)[0]
    problem = Problem(model, name, (x, y), batch_size=4, weight_decay=0.01)
    results = {"notes": problem.notes, "theta": problem.theta, "gradient": problem.gradient(), "loss": problem.loss()}
    H, V = Hessian(problem), directions(problem.num_parameters)
    held = elements()
    results |= {"Hv": H @ V[:, 0], "HV": H @ V, "GV": GaussNewton(problem) @ V}
    results["held"] = elements() - held - sum(results[each].numel() for each in ("Hv", "HV", "GV"))
    basis = KrylovBasis(H)
    basis.add(V[:, 0])
    basis.expand()
    results["rows"] = basis.rows.combined(np.eye(1)).T
    pairs = lanczos(H, 2, bottom=0, rtol=1e-10)
    results |= {"values": torch.from_numpy(pairs.values.copy()), "vectors": pairs.vectors, "matvecs": pairs.matvecs}
    results["measured"] = measure(model, name, (x, y), ["top_eigenvalue"])["top_eigenvalue"].value
    results["as it was"] = alike(before, state(model))
    plan = plan_memory(H, rows_of_density(problem.num_parameters, 6))
    results["bytes of a step"] = plan.basis / plan.max_basis
    if case == "uneven":
        results["log_det"] = log_det(problem)
        # what was taken off for a product is in its place: a step of training goes as it would have
        nn.functional.mse_loss(model(x), y).backward()
        results["trained"] = torch.cat([each.grad.full_tensor().flatten() for each in model.parameters()])
    return results


def log_det(problem):
    """Return the log determinant by a density whose first probe is the shared run, and what it cost."""
    from landscape import Minimum, measure_minimum

    minimum = Minimum(problem, problem.theta, memory=10**8)
    found = measure_minimum(minimum, "log_det", options={"log_det": {"steps": 10, "num_probes": 3}})["log_det"]
    return found.value, found.error, found.matvecs


def refused() -> dict[str, str]:
    """Return what is said of models that cannot be measured."""
    from torch.distributed.tensor.parallel import ColwiseParallel, parallelize_module

    from landscape import Problem
    from landscape.errors import ProblemError

    mesh = dist.init_device_mesh("cpu", (dist.get_world_size(),))
    parallel = parallelize_module(nn.Sequential(nn.Linear(5, 6)), mesh, {"0": ColwiseParallel()})
    # every process makes every group
    one = [dist.new_group([rank]) for rank in range(dist.get_world_size())][dist.get_rank()]
    said = {}
    for name, model, options in (
        ("tensor parallel", parallel, {}),
        ("others hold shards", shard(make("uneven"), "uneven"), {"process_group": one}),
    ):
        try:
            Problem(model, "mse", data("uneven"), **options)
        except ProblemError as error:
            said[name] = str(error)
    return said


def main(rank: int, count: int, folder: Path) -> None:
    """Find out all cases, and write what was found."""
    dist.init_process_group("gloo", init_method=f"file://{folder}/store", rank=rank, world_size=count)
    results = {case: found(case) for case in CASES}
    results["refused"] = refused()
    torch.save(results, folder / f"{rank}.pt")
    dist.barrier()
    dist.destroy_process_group()


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3]))
