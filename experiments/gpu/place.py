"""Where the parts are measured, how large they are there, and how a call is timed."""

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from landscape import Problem
from landscape.study.environment import device_name, processor


@dataclass(frozen=True)
class Place:
    """A device, and whether this is only a trial of the script.

    Attributes:
        device: Where.
        smoke: Tiny sizes.
        out: Folder of what parts leave.
    """

    device: torch.device
    smoke: bool
    out: Path

    def size(self, full: int, tiny: int) -> int:
        """Return a size, or that of a trial."""
        return tiny if self.smoke else full

    def wait(self) -> None:
        """Wait until the device has done all that it was told to do."""
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)

    def seconds(self, call: Callable[[], Any], *, budget: float = 3.0) -> list[float]:
        """Return the seconds of some calls, the device's work included, after one that sets things up."""
        call()
        self.wait()
        found: list[float] = []
        while len(found) < (2 if self.smoke else 3) or (sum(found) < budget and len(found) < 20 and not self.smoke):
            start = time.perf_counter()
            call()
            self.wait()
            found.append(time.perf_counter() - start)
        return found

    def problem(self, model: nn.Module, x: torch.Tensor, y: torch.Tensor, **options: Any) -> Problem:
        """Return the problem of a network and examples, all of them on the device."""
        return Problem(model.to(self.device), "cross_entropy", (x.to(self.device), y.to(self.device)), **options)


def spread(seconds: list[float]) -> dict[str, float]:
    """Return median and range."""
    return {"median": statistics.median(seconds), "least": min(seconds), "most": max(seconds)}


def images(count: int, side: int, classes: int = 10, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    """Return random images of three channels, with labels: a product costs the same whatever they show."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(count, 3, side, side, generator=generator), torch.randint(classes, (count,), generator=generator)


def machine(place: Place) -> dict[str, Any]:
    """Return what the numbers hold for."""
    found: dict[str, Any] = {"torch": torch.__version__, "cuda": torch.version.cuda, "processor": processor()}
    if place.device.type != "cuda":
        return {**found, "device": processor(), "memory": None}
    about = torch.cuda.get_device_properties(place.device)
    return {
        **found,
        "device": device_name(place.device),
        "memory": about.total_memory,
        "multiprocessors": about.multi_processor_count,
        "cudnn": torch.backends.cudnn.version(),
    }
