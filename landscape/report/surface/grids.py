"""A surface as the figures and the page read it: its JSON and its arrays."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from landscape.report.folder import Array
from landscape.report.loss_scale import KINDS, LossScale, common_scale

Result = dict[str, Any]


@dataclass(frozen=True)
class Grids:
    """One surface.

    Attributes:
        result: What is said of it.
        arrays: Coordinates and columns by name.
    """

    result: Result
    arrays: dict[str, Array]

    @property
    def dimensions(self) -> int:
        """1, 2 or 3."""
        return len(self.result["axes"])

    @property
    def axes(self) -> list[Array]:
        """Coordinates along each axis."""
        return [self.arrays[each["key"]] for each in self.result["axes"]]

    @property
    def kinds(self) -> list[str]:
        """Sets of examples: ``train`` and, where there is one, ``test``."""
        return [kind for kind in KINDS if f"{kind}_loss" in self.arrays]

    def loss(self, kind: str) -> Array:
        """Return the losses of a set of examples on the grid."""
        return np.asarray(self.arrays[f"{kind}_loss"], dtype=np.float64)

    def accuracy(self, kind: str) -> Array | None:
        """Return the accuracies, where there are classes."""
        return self.arrays.get(f"{kind}_accuracy")

    def center(self, kind: str) -> float:
        """Return the loss of the point at zero."""
        place = tuple(int(np.flatnonzero(axis == 0)[0]) for axis in self.axes)
        return float(self.loss(kind)[place])

    def scale(self) -> LossScale | None:
        """Return the scale that all panels share; None when no loss is finite."""
        losses = np.concatenate([self.loss(kind).ravel() for kind in self.kinds])
        return common_scale(losses, [self.center(kind) for kind in self.kinds])

    def label(self, index: int) -> str:
        """Return what stands at an axis."""
        axis = self.result["axes"][index]
        return f"{axis['key']}: {axis['name']}"
