"""Values on a grid as they are computed: what is there, what was interpolated, and how to go on after a kill."""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import numpy as np

from landscape.surfaces.grid import SliceGrid
from landscape.surfaces.point_evaluation import CHUNK, PointEvaluator, PointValues

INTERPOLATED, COMPUTED, LOWER_BOUND = 0, 1, 2
Save = Callable[[dict[str, np.ndarray]], None]


class GridValues:
    """The columns of a slice, point by point.

    Columns are ``train_loss``, ``train_accuracy`` and so on for every set of examples, and with losses of each
    example ``train_loss_error``: the standard error of the *difference* of the loss to that of the trained point, over
    examples in pairs (far smaller than that of the loss itself), with the correction for drawing from ``populations``
    without replacement.

    Args:
        grid: Which points.
        evaluator: What computes them. A point's values do not depend on what else is computed.
        populations: How many examples each set was drawn from, by its name.
        done: Columns of an earlier process, as given to ``save``.
        save: Takes the columns now and then, so that a killed process can go on.
        every: Seconds between two saves.
        on_progress: Called with (points computed, points asked for so far).
    """

    def __init__(
        self,
        grid: SliceGrid,
        evaluator: PointEvaluator,
        *,
        populations: Mapping[str, int] | None = None,
        done: Mapping[str, np.ndarray] | None = None,
        save: Save | None = None,
        every: float = 2.0,
        on_progress: Callable[[int, int], None] | None = None,
    ) -> None:
        self.grid = grid
        self.status = np.zeros(grid.size, dtype=np.uint8)
        self.columns: dict[str, np.ndarray] = {}
        self._evaluator, self._populations = evaluator, dict(populations or {})
        self._save, self._every, self._saved = save, every, time.monotonic()
        self._tell = on_progress or (lambda done, total: None)
        self._asked: set[int] = set()
        self._center = evaluator.at(grid.origin)
        for name, value in self._row(self._center).items():
            self.columns[name] = np.full(grid.size, np.nan)
            self.columns[name][grid.center] = value
        self.status[grid.center] = COMPUTED
        if done is not None and set(done) == {*self.columns, "status"} and done["status"].shape == self.status.shape:
            self.status = done["status"].copy()
            self.columns = {name: done[name].copy() for name in self.columns}

    @property
    def computed(self) -> np.ndarray:
        """Which points have been computed, shape ``(size,)``."""
        found: np.ndarray = self.status > INTERPOLATED
        return found

    def need(self, indices: Iterable[int]) -> None:
        """Compute those of some points that are not there yet."""
        wanted = sorted(set(indices))
        self._asked.update(wanted)
        missing = [index for index in wanted if not self.status[index]]
        for index, row in self._computed(missing):
            for name, value in zip(self.columns, row, strict=False):
                self.columns[name][index] = value
            self.status[index] = row[-1]
            self._tell(int(self.computed.sum()), max(len(self._asked), int(self.computed.sum())))
            self._save_now_and_then()

    def _computed(self, indices: list[int]) -> Iterator[tuple[int, np.ndarray]]:
        """Go through (point, its values in the order of the columns and its status), over all processes that share."""
        ranks = self._evaluator.ranks
        if ranks.count == 1:
            yield from zip(indices, self._rows(indices), strict=True)
            return
        for start in range(0, len(indices), ranks.count * CHUNK):
            together = indices[start : start + ranks.count * CHUNK]
            own = np.full((CHUNK, len(self.columns) + 1), np.nan)
            with ranks.own_work() as work:
                for place, row in enumerate(self._rows(together[ranks.rank :: ranks.count])):
                    own[place] = row
            found = ranks.gather(own, work).cpu().numpy()
            for place, index in enumerate(together):
                yield index, found[place % ranks.count, place // ranks.count]

    def _rows(self, indices: list[int]) -> Iterator[np.ndarray]:
        """Compute some points, one after another."""
        coordinates = self.grid.coordinates
        for values in self._evaluator(self.grid.point(coordinates[index]) for index in indices):
            row = self._row(values)
            complete = all(each.complete for each in values.values())
            yield np.array([*(row[name] for name in self.columns), COMPUTED if complete else LOWER_BOUND])

    def need_all(self) -> None:
        """Compute every point."""
        self.need(range(self.grid.size))

    def state(self) -> dict[str, np.ndarray]:
        """Return everything that another process needs to go on."""
        return {**self.columns, "status": self.status}

    def _save_now_and_then(self) -> None:
        if self._save is not None and time.monotonic() - self._saved >= self._every:
            self._save(self.state())
            self._saved = time.monotonic()

    def _row(self, values: Mapping[str, PointValues]) -> dict[str, float]:
        return dict(self._cells(values))

    def _cells(self, values: Mapping[str, PointValues]) -> Iterator[tuple[str, float]]:
        for name, found in values.items():
            yield f"{name}_loss", found.loss
            if self._center[name].accuracy is not None:
                yield f"{name}_accuracy", np.nan if found.accuracy is None else found.accuracy
            if self._center[name].losses is not None:
                yield f"{name}_loss_error", self._paired(name, found.losses)

    def _paired(self, name: str, losses: Any) -> float:
        reference = self._center[name].losses
        if losses is None or reference is None or len(losses) != len(reference) or len(losses) < 2:
            return float("nan")
        difference, count = losses - reference, len(losses)
        if not np.isfinite(difference).all():
            return float("inf")
        rest = max(0.0, 1 - count / self._populations.get(name, count * 10**9))
        return float(difference.std(ddof=1) / np.sqrt(count) * np.sqrt(rest))
