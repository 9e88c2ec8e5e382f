"""What a surface was asked for, as a folder remembers it: to go on after a kill, and to overwrite nothing else."""

import dataclasses
import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from landscape.errors import StorageError, UsageError
from landscape.store import finite, read_arrays, read_json, write_arrays
from landscape.study.surface_points import SurfacePoints
from landscape.study.surface_settings import SurfaceSettings

PARTIAL = ".surface-{}{}.npz"
PARTS = ("", "quantities-")


@dataclass(frozen=True)
class Request:
    """One surface.

    Attributes:
        name: For a folder.
        settings: Everything that its numbers follow from, as plain JSON types.
        digest: Of these, with the weights themselves.
    """

    name: str
    settings: dict[str, Any]
    digest: str

    @classmethod
    def of(cls, points: SurfacePoints, settings: SurfaceSettings) -> "Request":
        """Return the request of a surface."""
        asked = finite(
            {
                "minima": [one.settings for one in points.ones],
                "asked": dataclasses.asdict(settings),
                "dtype": str(points.problem.dtype).removeprefix("torch."),
            }
        )
        hashed = hashlib.blake2b(json.dumps(asked, sort_keys=True).encode(), digest_size=16)
        for theta in [*points.thetas, *(theta for _, theta in points.trajectory)]:
            hashed.update(theta.detach().cpu().numpy().tobytes())
        name = "".join(each if each.isalnum() or each in "-." else "_" for each in "-".join(points.names))
        return cls(name[:60], asked, hashed.hexdigest())

    def check(self, folder: Path) -> None:
        """Refuse a folder with the surface of another request.

        Raises:
            UsageError: If there is one; says what differs.
        """
        path = folder / "surface.json"
        if not path.exists():
            return
        try:
            old = read_json(path)
        except StorageError:
            old = None
        if not isinstance(old, dict) or not isinstance(old.get("asked"), dict):
            raise UsageError(f"{path} is there already and cannot be read. Choose another folder with --out.")
        found = [
            f"{name} is {old['asked'].get(name)} there and {value} here"
            for name, value in self.settings["asked"].items()
            if old["asked"].get(name) != value
        ]
        if old.get("minima") != self.settings["minima"]:
            found.append("it goes through other minima or examples")
        if found:
            raise UsageError(
                f"{folder} holds another surface: {', '.join(found[:3])}. Choose another folder with --out."
            )

    def read(self, folder: Path, part: str = "") -> dict[str, np.ndarray[Any, Any]] | None:
        """Return the columns of one of `PARTS` that a killed process left behind; None where there are none."""
        path = self._partial(folder, part)
        try:
            return read_arrays(path) if path.exists() else None
        except StorageError:
            return None

    def write(self, folder: Path, columns: dict[str, np.ndarray[Any, Any]], part: str = "") -> None:
        """Keep columns for the case of a kill."""
        write_arrays(self._partial(folder, part), columns)

    def clear(self, folder: Path) -> None:
        """Forget the columns: the surface is written."""
        for part in PARTS:
            self._partial(folder, part).unlink(missing_ok=True)

    def _partial(self, folder: Path, part: str) -> Path:
        return folder / PARTIAL.format(part, self.digest)
