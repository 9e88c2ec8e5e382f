"""The time, the operations and the memory of one product."""

import math
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import networks
import torch
from cases import Case
from torch.utils.flop_counter import FlopCounterMode

from landscape import Hessian, lanczos
from landscape.memory import peak_memory
from landscape.operators.hessian_products import KINDS

KINDS_OF = {"gpt2": "double backward"}
"""The kind of product; another one than this is held beside it for the check, which has to fit into the memory."""
OTHERWISE = "efficient double backward"
LEAST_SECONDS, MOST_REPEATS, REPEATS_TOGETHER = 0.5, 7, 3


class Measured:
    """A case that is ready to be timed, again and again.

    Args:
        case: Which.
        device: Where.
    """

    def __init__(self, case: Case, device: str) -> None:
        self.case, self.device = case, device
        model = networks.network(case.network, case.size)
        group = None
        if case.processes > 1 or case.sharded:
            group = torch.distributed.group.WORLD
        if case.sharded:
            from torch.distributed.fsdp import fully_shard

            fully_shard(model, mesh=torch.distributed.init_device_mesh("cpu", (case.processes,)))
        examples = networks.data(case.network, case.size, case.examples, case.tokens)
        self.problem = networks.problem(model.to(device), case.network, examples, case.batch, device)
        if group is not None and not case.sharded:
            self.problem = type(self.problem)(model, "cross_entropy", examples, process_group=group)
        self._kind = KINDS_OF.get(case.network, OTHERWISE)
        self.hessian = Hessian(self.problem, product=self._kind)
        generator = torch.Generator().manual_seed(2)
        self.v = torch.randn(self.problem.num_parameters, generator=generator).to(device)
        # the first product chooses, and holds what it can
        self.hessian @ self.v

    def round(self) -> dict[str, Any]:
        """Return the times of one round, in seconds, with the machine's load; wall's and this process's own."""
        times = {}
        for name, call in (("product", lambda: self.hessian @ self.v), ("gradient", self.problem.gradient)):
            spent = _seconds(call, self.device, together=self.case.processes > 1)
            times |= {f"{name}_{clock}": value for clock, value in spent.items()}
        return {**times, "load": os.getloadavg()[0], "peak_bytes": self.peak()}

    def peak(self) -> int:
        """Return the most bytes that this process, or on a GPU the device, has held at once."""
        return torch.cuda.max_memory_allocated() if self.device != "cpu" else _own_peak()

    def constants(self) -> dict[str, Any]:
        """Return what is the same in every round: sizes, and operations counted by torch."""
        problem = self.problem
        found = {
            "parameters": problem.num_parameters,
            "examples": problem.num_examples,
            "held_bytes": self.hessian.batches.held_bytes,
            "flops_product": _flops(lambda: self.hessian @ self.v),
            "flops_gradient": _flops(problem.gradient),
        }
        batch, share = next(problem.batches())
        if not self.case.sharded and share == 1:
            leaves = [each.clone().requires_grad_() for each in problem.unflatten(problem.theta)]
            found["flops_forward"] = _flops(lambda: problem.batch_loss(leaves, batch))
            found["flops_hold"] = _flops(lambda: KINDS[self._kind](problem, leaves, batch))
        return found

    def top_eigenvalue(self) -> dict[str, Any]:
        """Return the largest eigenvalue, what it took, and what it is worth."""
        before = time.perf_counter()
        pairs = lanczos(self.hessian, 1, rtol=1e-2, max_matvecs=60)
        return {
            "value": float(pairs.values[0]),
            "residual": float(pairs.residuals[0]),
            "matvecs": pairs.matvecs,
            "converged": pairs.converged,
            "wall": time.perf_counter() - before,
        }


def _seconds(call: Callable[[], Any], device: str, *, together: bool) -> dict[str, float]:
    """Return the least seconds of some repeats, by each clock; as many in each of several processes."""
    walls: list[float] = []
    owns: list[float] = []
    least, most = (math.inf, REPEATS_TOGETHER) if together else (LEAST_SECONDS, MOST_REPEATS)
    while not walls or (sum(walls) < least and len(walls) < most):
        _wait(device)
        wall, own = time.perf_counter(), time.process_time()
        call()
        _wait(device)
        walls.append(time.perf_counter() - wall)
        owns.append(time.process_time() - own)
    return {"wall": min(walls), "cpu": min(owns)}


def _own_peak() -> int:
    """Return the same from Linux's own record: what `getrusage` says begins with the parent's memory."""
    status = Path("/proc/self/status")
    lines = status.read_text(encoding="ascii", errors="replace").splitlines() if status.exists() else []
    peak = next((line.split()[1] for line in lines if line.startswith("VmHWM:")), None)
    return peak_memory() if peak is None else int(peak) * 1024


def _wait(device: str) -> None:
    if device != "cpu":
        torch.cuda.synchronize()


def _flops(call: Callable[[], Any]) -> int:
    with FlopCounterMode(display=False) as counter:
        call()
    return int(counter.get_total_flops())
