"""The word after ``--device``, for processes that torchrun starts together."""

import pytest
import torch

from landscape.device import resolve_device
from landscape.errors import UsageError


@pytest.fixture
def machine(monkeypatch):
    """Pretend that there are so many GPUs, and processes on this machine."""

    def pretend(gpus, processes):
        monkeypatch.setattr(torch.cuda, "device_count", lambda: gpus)
        monkeypatch.setattr(torch.cuda, "is_available", lambda: gpus > 0)
        monkeypatch.setenv("LOCAL_WORLD_SIZE", str(processes))

    return pretend


@pytest.mark.parametrize("word", ["auto", "cuda"])
def test_each_process_has_the_gpu_of_its_own(machine, word):
    machine(gpus=2, processes=2)
    assert resolve_device(word) == torch.device("cuda")


def test_one_gpu_by_number_is_for_one_process(machine):
    machine(gpus=2, processes=1)
    assert resolve_device("cuda:1") == torch.device("cuda:1")
    machine(gpus=2, processes=2)
    with pytest.raises(UsageError, match=r"--device cuda:1 names one for all. Use --device cuda\."):
        resolve_device("cuda:1")


@pytest.mark.parametrize("word", ["auto", "cuda"])
def test_more_processes_than_gpus_are_refused(machine, word):
    machine(gpus=2, processes=3)
    with pytest.raises(UsageError, match=r"3 processes here, and torch sees 2 CUDA devices.*--nproc-per-node 2"):
        resolve_device(word)
    assert resolve_device("cpu") == torch.device("cpu")


def test_processes_without_gpus_compute_on_the_cpu(machine):
    machine(gpus=0, processes=3)
    assert resolve_device("auto") == torch.device("cpu")
    with pytest.raises(UsageError, match="torch sees 0 CUDA devices"):
        resolve_device("cuda")
