"""Averages of the weights along a training, by name: which of its points they take, and how they are called."""

import math
import re
from dataclasses import dataclass

_EXPECTED = (
    "ema:DECAY with 0 < DECAY < 1, such as ema:0.999, or swa:START with START from 0 to below 1 "
    "(the share of training before the average), such as swa:0.75"
)


@dataclass(frozen=True)
class WeightAverage:
    r"""One kind of average of the weights $\theta_1, \theta_2, \dots$ along a training.

    ``ema`` is the exponential moving average over steps, $\bar\theta \leftarrow d\bar\theta + (1-d)\theta_t$, begun at
    the weights after the first step. ``swa`` is the plain mean of the weights an epoch apart, counted back from the
    end of training, as far as they lie in its last part.

    Attributes:
        kind: ``"ema"`` or ``"swa"``.
        number: The decay of ``ema``; the share of training that lies before ``swa`` starts.

    Example:
        >>> WeightAverage.parse("swa:0.75").points(total=12, steps_per_epoch=2)
        range(10, 13, 2)

    References:
        Polyak & Juditsky 1992; Izmailov et al. 2018, "Averaging weights leads to wider optima and better
        generalization", algorithm 1.
    """

    kind: str
    number: float

    @classmethod
    def parse(cls, text: str) -> "WeightAverage":
        """Return the average of a name such as ``ema:0.999`` or ``swa:0.75``.

        Raises:
            ValueError: If it is none; says what was expected.
        """
        match = re.fullmatch(r"\s*(ema|swa):([\d.eE+-]+)\s*", text) if isinstance(text, str) else None
        try:
            number = float(match[2]) if match else math.nan
        except ValueError:
            number = math.nan
        if match is None or not 0 <= number < 1 or (match[1] == "ema" and number == 0):
            raise ValueError(_EXPECTED)
        return cls(match[1], number)

    @property
    def name(self) -> str:
        """The name that `parse` takes, always spelled alike."""
        return f"{self.kind}:{self.number!r}"

    @property
    def words(self) -> str:
        """Where its minimum lies, as a report says it."""
        if self.kind == "ema":
            return f"at the moving average of the weights (EMA {self.number!r})"
        return f"at the mean of the weights (SWA from {100 * self.number:g} % on)"

    def points(self, total: int, steps_per_epoch: int) -> range:
        """Return the steps after which the weights are averaged in, of a training of ``total`` steps."""
        if self.kind == "ema":
            return range(1, total + 1)
        first = max(1, math.ceil(self.number * total - 1e-9))
        return range(total - (total - first) // steps_per_epoch * steps_per_epoch, total + 1, steps_per_epoch)

    def weight_of_the_next(self, count: int) -> float:
        """Return the weight of the next point in the average, when ``count`` are in it."""
        if not count:
            return 1.0
        return 1 - self.number if self.kind == "ema" else 1 / (count + 1)
