"""A small data set and networks with everything that a replay can get wrong."""

import pytest
import torch
from torch import nn

from landscape.data import DataSet


@pytest.fixture(autouse=True)
def _one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="session")
def clusters():
    """150 training and 60 test examples of 3 overlapping classes in 6 dimensions."""
    generator = torch.Generator().manual_seed(0)
    centres = torch.randn(3, 6, generator=generator)
    y = torch.arange(210) % 3
    x = centres[y] + torch.randn(210, 6, generator=generator)
    return DataSet("clusters", (x[:150], y[:150]), (x[150:], y[150:]), 3)


@pytest.fixture
def make_mlp():
    return lambda: _seeded(lambda: nn.Sequential(nn.Linear(6, 16), nn.Tanh(), nn.Linear(16, 3)))


@pytest.fixture
def make_noisy():
    """A network with BatchNorm (buffers) and dropout (random numbers)."""
    return lambda: _seeded(
        lambda: nn.Sequential(nn.Linear(6, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Dropout(0.3), nn.Linear(16, 3))
    )


def _seeded(make):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return make()
