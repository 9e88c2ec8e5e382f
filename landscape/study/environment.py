"""What a study ran on, for the record."""

import datetime
import os
import platform
import shlex
import sys
from importlib import metadata
from pathlib import Path
from typing import Any

import torch

from landscape._version import __version__

OPTIONAL = ("timm", "lightning", "pytorch-optimizer", "transformers")
"""What extras bring, as pip calls it."""

PACKAGES = ("torch", "torchvision", "numpy", "scipy", "matplotlib", "scikit-learn", "safetensors", "plotly", "click")


def environment(device: torch.device, jobs: int | None = None) -> dict[str, Any]:
    """Return versions, hardware and command as plain JSON types, for so many processes or for this one alone."""
    return {
        "landscape": __version__,
        "python": platform.python_version(),
        **versions(),
        "platform": platform.platform(),
        "processor": processor(),
        "device": str(device),
        "device_name": device_name(device),
        "cpu_cores": os.cpu_count(),
        # those of torchrun share one minimum's work
        "processes": jobs or int(os.environ.get("WORLD_SIZE", "1")),
        "threads_per_process": threads_per_process(jobs) if jobs else torch.get_num_threads(),
        "command": command(),
        "created": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
    }


def versions() -> dict[str, str]:
    """Return the installed version of each package that matters."""
    return {name: _version(name) or "missing" for name in PACKAGES}


def extras() -> dict[str, str]:
    """Return the installed version of each package that is not needed, or what brings it."""
    return {name: _version(name) or f"missing: pip install {name}" for name in OPTIONAL}


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def command() -> str:
    """Return the command line as it was typed, without the folder of the program or script."""
    name = Path(sys.argv[0]).name
    program = ["landscape"] if name in {"landscape", "__main__.py"} else ["python", name]
    return shlex.join([*program, *sys.argv[1:]])


def device_name(device: torch.device) -> str:
    """Return what the device calls itself."""
    return torch.cuda.get_device_name(device) if device.type == "cuda" else device.type.upper()


def processor() -> str:
    """Return the processor's name as far as the system tells it."""
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            names = [line.partition(":")[2].strip() for line in file if line.startswith("model name")]
    except OSError:
        names = []
    return names[0] if names else platform.processor() or platform.machine()


def threads_per_process(jobs: int) -> int:
    """Return how many threads each of so many processes gets."""
    return max(1, (os.cpu_count() or 1) // jobs)
