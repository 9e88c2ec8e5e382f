"""What is asked of a surface, checked before anything is loaded."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from landscape.errors import UsageError, suggest
from landscape.surfaces.curve import KINDS
from landscape.surfaces.grid import odd_points
from landscape.surfaces.grid_curvature import QUANTITIES
from landscape.surfaces.normalization import NORMALIZATIONS, ONE_DIMENSIONAL
from landscape.surfaces.point_evaluation import STATISTICS

DIRECTIONS = {
    "random": "Gaussian, normalised",
    "eigen": "eigenvectors of the largest eigenvalues",
    "extremes": "eigenvectors of the largest and the smallest eigenvalue",
    "descent": "minus the gradient, then random ones",
    "update": "the step of Adam or RMSProp, then random ones",
    "minima": "the line through two minima, the plane through three",
    "initial": "the plane through two minima and their initialisation",
    "trajectory": "principal components of the checkpoints of a training",
}
POINTS = {1: 101, 2: 51, 3: 15}
TOLERANCE = 0.01


@dataclass(frozen=True)
class SurfaceSettings:
    """What is asked of a surface.

    Attributes:
        directions: One of `DIRECTIONS`, or the path of a ``.npy`` or ``.npz`` of vectors.
        dimensions: 1, 2 or 3.
        points: Along each axis; chosen by the dimensions when None.
        radius: Half-width in units of the directions; chosen when None.
        normalization: Of random directions.
        one_dimensional: Whether biases and normalisation parameters move along random directions.
        tolerance: Of what is interpolated, as a share of the loss's logarithmic range; None computes everything.
        statistics: Of BatchNorm; by what the surface goes through when None.
        ceiling: Points whose loss exceeds this are ended early, times the loss of the trained point; None for never.
        quantities: Any of `QUANTITIES`, at every point of a coarser grid.
        coarse_points: Of that grid, along each axis.
        paths: Kinds of path between the first two minima.
        align: Whether paths also lead to the second minimum with its neurons reordered to match the first's.
        path_points: Points of each path.
        curve_steps: Of the training of a curve.
        curve_lr: Of the same.
        average: Whether the mean of the minima is marked too, on a line or plane through them.
        profiles: Random directions along each of which to evaluate a line; 0 for none.
        width: Directions of each kind along which to measure how far the loss stays low; 0 for none.
        width_factor: By how much it may rise.
        seed: Of all random vectors.

    Raises:
        UsageError: If a name is unknown or a number out of its range.
    """

    directions: str = "random"
    dimensions: int = 2
    points: int | None = None
    radius: float | None = None
    normalization: str = "filter"
    one_dimensional: str = "zero"
    tolerance: float | None = TOLERANCE
    statistics: str | None = None
    ceiling: float | None = None
    quantities: tuple[str, ...] = ()
    coarse_points: int = 9
    paths: tuple[str, ...] = ()
    align: bool = False
    path_points: int = 31
    curve_steps: int = 400
    curve_lr: float = 2e-3
    average: bool = False
    profiles: int = 0
    width: int = 0
    width_factor: float = 2.0
    seed: int = 0

    def __post_init__(self) -> None:
        """Refuse what there is not."""
        own = self.directions.endswith((".npy", ".npz"))
        names: dict[str, tuple[str, Iterable[str]]] = {
            "directions": (self.directions, DIRECTIONS) if not own else ("random", DIRECTIONS),
            "normalisation": (self.normalization, NORMALIZATIONS),
            "way with one-dimensional parameters": (self.one_dimensional, ONE_DIMENSIONAL),
            "statistics of BatchNorm": (self.statistics or "evaluation", STATISTICS),
            **{f"quantities like {each!r}": (each, QUANTITIES) for each in self.quantities},
            **{f"paths like {each!r}": (each, KINDS) for each in self.paths},
        }
        for what, (name, known) in names.items():
            if name not in known:
                raise UsageError(f"There are no {what} {name!r}.{suggest(name, known)} Known: {', '.join(known)}.")
        if own and not Path(self.directions).is_file():
            raise UsageError(f"There is no file {self.directions}. Name a .npy or .npz of vectors.")
        if self.dimensions not in POINTS:
            raise UsageError(f"A surface has 1, 2 or 3 dimensions, not {self.dimensions}. Choose one.")
        if self.average and self.directions not in ("minima", "initial"):
            raise UsageError(
                f"--average marks the mean of several minima on the line or plane through them; {self.directions} "
                f"leads elsewhere. Name two or three minima, or leave it out."
            )

    @property
    def grid_points(self) -> tuple[int, str]:
        """Points along each axis, and what to say if they are not those asked for."""
        return odd_points(POINTS[self.dimensions] if self.points is None else self.points)
