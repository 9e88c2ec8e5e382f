"""Real data sets for the tests that need them, and the device on which the tests compute that take it."""

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


def pytest_addoption(parser):
    parser.addoption(
        "--device", default="cpu", help="where the tests marked 'device' compute: cpu (default), cuda, cuda:1 or auto"
    )


def pytest_configure(config):
    """End at once where the device is not there; torch is loaded only for one that is not the CPU."""
    if config.getoption("--device") != "cpu":
        from landscape.device import resolve_device
        from landscape.errors import UsageError

        try:
            resolve_device(config.getoption("--device"))
        except UsageError as error:
            raise pytest.UsageError(str(error)) from None


@pytest.hookimpl(tryfirst=True)  # before -m chooses
def pytest_collection_modifyitems(items):
    """Mark the tests that compute on the device given: those that take it."""
    for item in items:
        if "device" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.device)


@pytest.fixture(scope="session")
def device(request):
    """Return the device given by ``--device``."""
    from landscape.device import resolve_device

    return resolve_device(request.config.getoption("--device"))


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
