"""The word after ``--device`` to a device that is there."""

import torch

from landscape.errors import UsageError


class AbsentDeviceError(UsageError):
    """A device that may well be on another machine is not on this one."""


def resolve_device(word: str) -> torch.device:
    """Return the device for ``auto``, ``cpu``, ``cuda``, ``cuda:1`` or ``mps``.

    Raises:
        UsageError: If there is no such device.
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
