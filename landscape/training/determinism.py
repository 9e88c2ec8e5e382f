"""What makes a stretch of training repeat itself: torch's random state and the choice of kernels."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def repeatable(device: torch.device) -> Iterator[None]:
    """Use deterministic kernels inside; at the end put them and torch's global random state back.

    Pitfalls:
        CUDA operations without any deterministic kernel (adaptive pooling, scatter) still differ in the last bit.
    """
    cpu, other = torch.get_rng_state(), _device_state(device)
    cudnn = torch.backends.cudnn
    flags = cudnn.deterministic, cudnn.benchmark
    cudnn.deterministic, cudnn.benchmark = True, False
    try:
        yield
    finally:
        cudnn.deterministic, cudnn.benchmark = flags
        torch.set_rng_state(cpu)
        if other is not None:
            _set_device_state(device, other)


def seed_random_state(seed: int, device: torch.device) -> None:
    """Seed torch's global random state on the CPU and on this device alone (torch.manual_seed seeds them all)."""
    torch.default_generator.manual_seed(seed)
    if device.type == "cuda":
        with torch.cuda.device(device):
            torch.cuda.manual_seed(seed)
    elif device.type == "mps":
        torch.mps.manual_seed(seed)


def _device_state(device: torch.device) -> torch.Tensor | None:
    if device.type == "cuda":
        return torch.cuda.get_rng_state(device)
    return torch.mps.get_rng_state() if device.type == "mps" else None


def _set_device_state(device: torch.device, state: torch.Tensor) -> None:
    if device.type == "cuda":
        torch.cuda.set_rng_state(state, device)
    else:
        torch.mps.set_rng_state(state)
