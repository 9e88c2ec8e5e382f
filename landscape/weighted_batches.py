"""Batches with what each counts by in the mean over all examples."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import repeat
from typing import Any

from torch import Tensor

from landscape.batches import Batches, content, count_by
from landscape.errors import ProblemError

WeightOf = Callable[[Any], float]


@dataclass(frozen=True)
class WeightedBatches:
    """Batches, each with its share of the whole.

    Attributes:
        batches: The examples.
        weight_of: What a batch counts by; its number of examples when None.
        num_examples: How many examples there are.
        total: The weight of all batches.
        uniform: Whether every example counts the same.
        weights: What the batches count by, in their order, where that is known to stay; None otherwise.
    """

    batches: Batches
    weight_of: WeightOf | None
    num_examples: int
    total: float
    uniform: bool
    weights: tuple[float, ...] | None = None

    @property
    def notes(self) -> list[str]:
        """What is to be said where batches do not count by their examples."""
        if self.uniform:
            return []
        return [f"batches count by what their mean is over ({self.total:.6g} in all), not by their examples"]

    def __iter__(self) -> Iterator[tuple[Any, float]]:
        """Go through (batch, share); batches of no weight, whose mean is not defined, are left out."""
        # counted once: on a GPU a count of targets waits for the device
        known = repeat(None) if self.weights is None else self.weights
        for batch, counted in zip(self.batches, known, strict=False):
            weight = self.weight(batch) if counted is None else counted
            if weight:
                yield batch, weight / self.total

    def weight(self, batch: Any) -> float:
        """Return what a batch counts by."""
        return _weight(self.batches, self.weight_of, batch)

    def take(self, indices: Tensor) -> "WeightedBatches":
        """Return only the examples at these positions, ascending."""
        return weigh(self.batches.take(indices), self.weight_of)

    def of(self, data: Any) -> "WeightedBatches":
        """Return other examples, weighted in the same way."""
        return weigh(Batches(data, size_of=self.batches.size_of), self.weight_of)


def weigh(batches: Batches, weight_of: WeightOf | None) -> WeightedBatches:
    """Return batches with their shares; goes through them once.

    Raises:
        ProblemError: If there are no examples, or none counts.
    """
    count = total = 0.0
    ratios, weights = set(), []
    for batch in batches:
        size, weight = batches.size(batch), _weight(batches, weight_of, batch)
        count, total = count + size, total + weight
        weights.append(weight)
        ratios.add(weight / size if size else 0.0)
    if not count:
        raise ProblemError("There are no examples: the data yields nothing.")
    if not total:
        raise ProblemError("No example counts: every target is left out of the loss, or every weight is 0.")
    uniform = len(ratios) == 1 and ratios.pop().is_integer()
    known = tuple(weights) if batches.is_stored else None
    return WeightedBatches(batches, weight_of, round(count), total, uniform, known)


def _weight(batches: Batches, weight_of: WeightOf | None, batch: Any) -> float:
    return batches.size(batch) if weight_of is None else count_by(weight_of, content(batch), "batch_weight_of")
