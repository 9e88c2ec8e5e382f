"""The one place that imports torchvision."""

import importlib
import importlib.util
import sys
from importlib.machinery import EXTENSION_SUFFIXES, ExtensionFileLoader, FileFinder
from pathlib import Path
from types import ModuleType

import torch

from landscape.errors import UsageError

SCHEMA = "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"
OPERATORS = ("nms", "qnms")

# A Library takes its operators with it when it is collected, so it lives as long as the process.
_libraries: list[torch.library.Library] = []


def import_torchvision() -> ModuleType:
    """Return torchvision, which also imports beside a PyTorch for which it was not built.

    torchvision's wheel is built for CUDA. Beside a CPU-only PyTorch its C++ library does not load, and then its
    Python code fails, because it describes operators that only that library defines: ``operator
    torchvision::nms does not exist``. Where the library loads, it defines them, and nothing is done here. Where
    it does not, their schemas are defined first; they have no implementation, and neither data sets nor
    classification models need one.

    Raises:
        UsageError: If torchvision is not installed.
    """
    if "torchvision" not in sys.modules and not _operators_load():
        library = torch.library.Library("torchvision", "FRAGMENT")  # type: ignore[no-untyped-call]
        _libraries.append(library)
        for name in OPERATORS:
            if not hasattr(torch.ops.torchvision, name):
                library.define(f"{name}{SCHEMA}")  # type: ignore[no-untyped-call]
    return importlib.import_module("torchvision")


def _operators_load() -> bool:
    """Return whether torchvision's own C++ library loads; loading it a second time does nothing."""
    package = importlib.util.find_spec("torchvision")
    if package is None or package.origin is None:
        raise UsageError("torchvision is not installed. Type: pip install torchvision")
    finder = FileFinder(str(Path(package.origin).parent), (ExtensionFileLoader, EXTENSION_SUFFIXES))
    extension = finder.find_spec("_C")
    if extension is None or extension.origin is None:
        return False
    try:
        torch.ops.load_library(extension.origin)  # type: ignore[no-untyped-call]
    except OSError:
        return False
    return True
