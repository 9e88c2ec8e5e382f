"""The word after ``--device`` to a device that is there."""

import os

import torch

from landscape.errors import UsageError


class AbsentDeviceError(UsageError):
    """A device that may well be on another machine is not on this one."""


def resolve_device(word: str) -> torch.device:
    """Return the device for ``auto``, ``cpu``, ``cuda``, ``cuda:1`` or ``mps``.

    Raises:
        UsageError: If there is no such device, or not one for each process of torchrun.
        AbsentDeviceError: If there is one, but not here.
    """
    if word == "auto":
        word = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        device = torch.device(word)
    except RuntimeError:
        raise UsageError(f"There is no device {word!r}. Use auto, cpu, cuda, cuda:1 or mps.") from None
    if device.type == "cuda":
        count = torch.cuda.device_count()
        _refuse_one_for_several(device, count)
        if (device.index or 0) >= count:
            raise AbsentDeviceError(
                f"Device {word!r} is not here: torch sees {count} CUDA devices. Use --device cpu or auto."
            )
    elif device.type == "mps":
        if not torch.backends.mps.is_available():
            raise AbsentDeviceError("Device 'mps' is not here. Use --device cpu or auto.")
    elif device.type != "cpu":
        raise UsageError(f"Device {word!r} is not supported. Use auto, cpu, cuda, cuda:1 or mps.")
    return device


def _refuse_one_for_several(device: torch.device, count: int) -> None:
    """Refuse GPUs for processes of torchrun that would have to share one, which NCCL cannot do."""
    processes = int(os.environ.get("LOCAL_WORLD_SIZE", "1"))
    if processes > 1 and device.index is not None:
        raise UsageError(
            f"Each of the {processes} processes of torchrun here computes on a GPU of its own; --device {device} names "
            f"one for all. Use --device cuda."
        )
    if processes > count > 0:
        raise UsageError(
            f"torchrun has started {processes} processes here, and torch sees {count} CUDA devices: each needs its "
            f"own. Use --nproc-per-node {count}, or --device cpu."
        )
