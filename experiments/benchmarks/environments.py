"""One virtual environment for each peer, with the PyTorch of ``constraints.txt`` and the peer at a pinned version."""

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from problems import CACHE

HERE = Path(__file__).resolve().parent
CONSTRAINTS = HERE.parents[1] / "constraints.txt"


@dataclass(frozen=True)
class Contender:
    """Who takes part: the name in tables, and what to install (nothing for this package, which runs us)."""

    title: str
    package: str = ""


# the newest that pip finds beside this PyTorch
CONTENDERS = {
    "landscape": Contender("landscape"),
    "pyhessian": Contender("PyHessian", "PyHessian==0.1"),
    "hessian_eigenthings": Contender("hessian-eigenthings", "hessian-eigenthings==1.0.0a5"),
    "curvlinops": Contender("curvlinops + SciPy", "curvlinops-for-pytorch==3.0.1"),
    "backpack": Contender("BackPACK", "backpack-for-pytorch==1.7.1"),
}


def python_of(name: str) -> Path:
    """Return the Python of a contender, installed where it has not been.

    Raises:
        subprocess.CalledProcessError: If pip fails.
    """
    package = CONTENDERS[name].package
    if not package:
        return Path(sys.executable)
    folder = CACHE / f"env-{name}"
    stamp, python = folder / f"{package}.installed", folder / "bin" / "python"
    if stamp.exists():
        return python
    print(f"Installing {package} into {folder.name}", file=sys.stderr)
    subprocess.run([sys.executable, "-m", "venv", "--clear", folder], check=True)
    pip = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-c", CONSTRAINTS]
    subprocess.run([*pip, _pinned_torch(), package], check=True)
    stamp.touch()
    return python


def _pinned_torch() -> str:
    lines = CONSTRAINTS.read_text().splitlines()
    return next(line for line in lines if line.startswith("torch=="))
