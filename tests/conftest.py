"""Real data sets for the tests that need them."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

# The workers of a parallel run share the cores; so do the programs that they start.
if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ.setdefault("OMP_NUM_THREADS", "1")

REPOSITORY = Path(__file__).resolve().parents[1]
PACKED = REPOSITORY.parent / "shared" / "data"
UNPACKED = REPOSITORY / ".cache" / "data"
LABELS = {
    "mnist": "MNIST/raw/t10k-labels-idx1-ubyte",
    "fashion-mnist": "FashionMNIST/raw/t10k-labels-idx1-ubyte",
    "cifar10": "cifar-10-batches-py/test_batch",
}


@pytest.fixture(scope="session")
def real_data() -> Callable[[str], Path]:
    """Return a function from a data set's name to the folder that has it; it skips the test where none has."""
    unpacked: set[str] = set()

    def folder(name: str) -> Path:
        if os.environ.get("LANDSCAPE_DATA"):
            root = Path(os.environ["LANDSCAPE_DATA"])
        elif (PACKED / "unpack.py").is_file():
            root = UNPACKED
            if name not in unpacked:
                subprocess.run(
                    [sys.executable, PACKED / "unpack.py", root, name], check=True, stdout=subprocess.DEVNULL
                )
                unpacked.add(name)
        else:
            pytest.skip(f"no real data: LANDSCAPE_DATA is not set and there is no {PACKED}")
        if not (root / LABELS[name]).is_file():
            pytest.skip(f"no real data: {root} has no {LABELS[name]}")
        return root

    return folder
