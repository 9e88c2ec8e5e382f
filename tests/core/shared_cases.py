"""Processes that share a problem, what goes wrong in some of them only, and what each of them finds then.

Run as a program it is one of these processes: ``shared_cases.py RANK COUNT FOLDER``.
"""

import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from torch import nn
from torch.utils.data import DataLoader, TensorDataset
from torch.utils.data.distributed import DistributedSampler

from landscape.errors import ProblemError

MEASURES = (
    "top_eigenvalue",
    "trace",
    "gauss_newton_top_eigenvalue",
    "gauss_newton_trace",
    "sqrt_diagonal_trace",
    "orbit_minimum_trace",
    "average_sharpness",
    "worst_case_sharpness",
    "train_loss",
)
OPTIONS = {"average_sharpness": {"max_pairs": 8}, "trace": {"max_matvecs": 20}}


class OnceOnly(torch.autograd.Function):
    """The identity, whose derivative has none."""

    @staticmethod
    def forward(ctx, x):
        return x.clone()

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx, g):
        return g


class NoDoubleBackward(nn.Module):
    """A network without second derivatives."""

    def __init__(self):
        super().__init__()
        self.first, self.last = nn.Linear(4, 5), nn.Linear(5, 3)

    def forward(self, x):
        return self.last(OnceOnly.apply(torch.tanh(self.first(x))))


class Steep(nn.Module):
    """A network that is fine where it is, and breaks in some examples where its weights are others."""

    def __init__(self):
        super().__init__()
        self.last = nn.Linear(4, 3)
        self.at = self.last.weight.detach().clone()

    def forward(self, x):
        if not torch.equal(self.last.weight.detach().to(self.at), self.at) and bool((x[:, 0] > 0).all()):
            raise ProblemError("this is no place for these examples")
        return self.last(x)


def examples(count):
    generator = torch.Generator().manual_seed(1)
    return torch.randn(count, 4, generator=generator), torch.arange(count) % 3


def loss_of_batch(model, batch):
    return nn.functional.cross_entropy(model(batch[0]), batch[1])


def network():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 5), nn.Tanh(), nn.Linear(5, 3))


def no_double_backward():
    torch.manual_seed(0)
    return NoDoubleBackward()


def steep():
    torch.manual_seed(0)
    return Steep()


CASES: dict[str, Any] = {
    "no second derivative, fewer examples than processes": (no_double_backward, "cross_entropy", lambda: examples(2)),
    "one batch, no criterion": (network, loss_of_batch, lambda: DataLoader(TensorDataset(*examples(9)), 9)),
    "raises in some examples": (
        steep,
        loss_of_batch,
        lambda: [(sign * examples(6)[0].abs(), examples(6)[1]) for sign in (-1, 1)],
    ),
}


def measured(case, **options):
    """Return the values and the reasons of a case's measures."""
    from landscape import Minimum, Problem, measure_minimum

    make, loss, data = CASES[case]
    problem = Problem(make(), loss, data(), dtype=torch.float64, **options)
    every = measure_minimum(Minimum(problem, problem.theta), MEASURES, options=OPTIONS, keep_going=True)
    return {name: (each.value, each.reason) for name, each in every.items()}


def attempt(action):
    """Return what is raised, as its type and words; or what comes back."""
    try:
        return action()
    except Exception as error:
        return type(error).__name__, str(error)


class Unreadable(Exception):
    """An error that cannot be made again from what it was made of."""

    def __init__(self, first, second):
        super().__init__(f"{first} and {second}")


def alone(rank, error):
    """Return what all processes see of an error in one."""
    from landscape.ranks import ranks_of

    ranks = ranks_of(dist.group.WORLD)

    def summed():
        with ranks.own_work() as own:
            if ranks.rank == rank:
                raise error
        return ranks.add_all([torch.ones(2), torch.ones(1)], own)

    def gathered():
        with ranks.own_work() as own:
            if ranks.rank == rank:
                raise error
        return ranks.gather([1.0], own)

    def together():
        with ranks.together():
            if ranks.rank == rank:
                raise error

    found = [attempt(each) for each in (summed, gathered, together)]
    # nobody is left behind: what comes next fits
    return [*found, float(ranks.add(torch.ones(1)))]


def several(rank):
    """Return the model, the loss and the data of processes that differ, by what differs."""
    x, y = examples(12)
    shifted = network()
    if rank:
        with torch.no_grad():
            shifted[0].weight[0, 0] += 0.1
    torch.manual_seed(0)
    tracked = nn.Sequential(nn.Linear(4, 3), nn.BatchNorm1d(3))
    tracked[1].running_mean += 0.001 * rank
    weighted = nn.CrossEntropyLoss(weight=torch.tensor([1.0 + rank, 1.0, 1.0]))
    part = DistributedSampler(TensorDataset(x, y), shuffle=False)
    noise = torch.randn(12, 4, generator=torch.Generator().manual_seed(rank))
    last = torch.cat([y[:-1], (y[-1:] + (rank > 0)) % 3])
    return {
        "numbers of examples": (network(), "cross_entropy", examples(12 + rank)),
        "numbers of parameters": (nn.Linear(4, 3 + rank), "cross_entropy", (x, y)),
        "weights": (shifted, "cross_entropy", (x, y)),
        "first batches": (network(), "cross_entropy", (noise, y)),
        "first batches, sampler": (
            network(),
            "cross_entropy",
            DataLoader(TensorDataset(x, y), batch_size=2, sampler=part),
        ),
        "last batches": (network(), "cross_entropy", [(x[:6], y[:6]), (x[6:], last[6:])]),
        "buffers": (tracked, "cross_entropy", (x, y)),
        "losses": (network(), weighted, (x, y)),
    }


def found(rank: int) -> dict[str, Any]:
    """Return what this process finds."""
    from landscape import Problem

    everybody = dist.group.WORLD
    results: dict[str, Any] = {case: measured(case, process_group=everybody) for case in CASES}
    results["alone"] = alone(0, ValueError("broken"))
    results["last alone"] = alone(dist.get_world_size() - 1, ValueError("broken"))
    results["unreadable"] = alone(0, Unreadable("one", "two"))
    results["different"] = {
        name: attempt(lambda given=given: Problem(*given, process_group=everybody).num_examples)
        for name, given in several(rank).items()
    }
    shuffled = DataLoader(TensorDataset(*examples(11)), batch_size=4, shuffle=True)
    results["shuffled"] = attempt(lambda: Problem(network(), "cross_entropy", shuffled, process_group=everybody).loss())
    return results


def main(rank: int, count: int, folder: Path) -> None:
    """Find out everything, and write what was found."""
    dist.init_process_group(
        "gloo", init_method=f"file://{folder}/store", rank=rank, world_size=count, timeout=timedelta(seconds=60)
    )
    torch.save(found(rank), folder / f"{rank}.pt")
    dist.barrier()
    dist.destroy_process_group()


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3]))
