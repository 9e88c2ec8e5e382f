"""A surface for other programs: CSV, and the legacy format of VTK that ParaView opens."""

import csv
import io
import shutil
from collections.abc import Collection
from pathlib import Path

import numpy as np

from landscape.atomic_write import write_atomically
from landscape.errors import UsageError
from landscape.report.escape import for_csv, one_line
from landscape.report.folder import Array
from landscape.report.surface.grids import Grids
from landscape.store import write_text

FORMATS = {"csv": "surface.csv", "vtk": "surface.vtk", "gif": "trajectory.gif", "mp4": "trajectory.mp4"}
"""Files that are written where they are asked for."""
COMMENT_LIMIT = 255


def check_formats(formats: Collection[str], directions: str, dimensions: int) -> None:
    """Refuse files that there cannot be, before anything is computed.

    Raises:
        UsageError: If the plane is no trajectory's, or ffmpeg is not installed.
    """
    moving = [name for name in formats if name in ("gif", "mp4")]
    if moving and (directions != "trajectory" or dimensions != 2):
        raise UsageError(
            f"A {moving[0]} shows a trajectory on its plane, and this surface is another. Give --directions trajectory."
        )
    if "mp4" in formats and shutil.which("ffmpeg") is None:
        raise UsageError(
            "An mp4 is written by ffmpeg, which is not installed. Install it (apt-get install ffmpeg), or give "
            "--export gif."
        )


def write_csv(grids: Grids, path: Path) -> None:
    """Write a row a grid point: its coordinates, its values, its status; an infinite loss is ``inf``."""
    columns = _columns(grids)
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    places = [each.ravel() for each in np.meshgrid(*grids.axes, indexing="ij")]
    writer.writerow([for_csv(name) for name in (*(axis["key"] for axis in grids.result["axes"]), *columns)])
    for row in zip(*places, *(each.ravel() for each in columns.values()), strict=True):
        writer.writerow([repr(value.item()) for value in row])
    write_text(path, buffer.getvalue())


def write_vtk(grids: Grids, path: Path) -> None:
    """Write a rectilinear grid with a scalar field for each column, in binary.

    References:
        The VTK User's Guide, file formats for version 4.2, "simple legacy formats".
    """
    axes = [*grids.axes, *([np.zeros(1)] * (3 - grids.dimensions))]
    title = one_line(f"landscape: {grids.result['name']}").encode("ascii", "replace")[:COMMENT_LIMIT]
    parts = [b"# vtk DataFile Version 3.0\n", title, b"\nBINARY\nDATASET RECTILINEAR_GRID\n"]
    parts.append("DIMENSIONS {} {} {}\n".format(*map(len, axes)).encode())
    for name, axis in zip("XYZ", axes, strict=True):
        parts += [f"{name}_COORDINATES {len(axis)} double\n".encode(), _big_endian(axis), b"\n"]
    columns = _columns(grids)
    parts.append(f"POINT_DATA {np.prod([len(axis) for axis in axes])}\n".encode())
    for name, column in columns.items():
        # the first coordinate changes fastest in VTK, the last one in our arrays
        word = "_".join(one_line(name).split())
        parts += [f"SCALARS {word} double 1\nLOOKUP_TABLE default\n".encode(), _big_endian(column.ravel("F")), b"\n"]
    write_atomically(path, b"".join(parts))


def _columns(grids: Grids) -> dict[str, Array]:
    shape = tuple(len(axis) for axis in grids.axes)
    return {name: each for name, each in grids.arrays.items() if each.shape == shape and name not in ("a", "b", "c")}


def _big_endian(values: Array) -> bytes:
    return np.ascontiguousarray(values, dtype=">f8").tobytes()
