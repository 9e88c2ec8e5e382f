"""Learning rate schedules: from the number of a step to a factor of the learning rate."""

import bisect
import math
from dataclasses import dataclass

SCHEDULES = ("constant", "cosine", "step")


@dataclass(frozen=True)
class Schedule:
    r"""The factor of the learning rate at a step, counted from 0.

    During the first ``warmup`` steps the factor grows linearly, $(t + 1)/\text{warmup}$, to 1. Then ``constant``
    stays, ``cosine`` falls as $\frac12(1 + \cos \pi\frac{t - \text{warmup}}{\text{total} - \text{warmup}})$, and
    ``step`` is multiplied by ``decay`` at each milestone.

    Args:
        name: ``"constant"``, ``"cosine"`` or ``"step"``.
        total: Number of steps of the whole training.
        warmup: Number of steps of the linear warm-up.
        milestones: Fractions of the whole training, increasing; only for ``"step"``.
        decay: Factor at each milestone; only for ``"step"``.

    Example:
        >>> schedule = Schedule("cosine", total=10, warmup=2)
        >>> [round(schedule(step), 3) for step in (0, 1, 2, 6)]
        [0.5, 1.0, 1.0, 0.5]

    References:
        Loshchilov & Hutter 2017, "SGDR", eq. 5 without restarts; Goyal et al. 2017 for the warm-up.
    """

    name: str
    total: int
    warmup: int = 0
    milestones: tuple[float, ...] = (0.5, 0.75)
    decay: float = 0.1

    def __call__(self, step: int) -> float:
        """Return the factor at one step."""
        warm = min(1.0, (step + 1) / self.warmup) if self.warmup else 1.0
        if self.name == "cosine" and step >= self.warmup:
            return 0.5 * (1 + math.cos(math.pi * (step - self.warmup) / (self.total - self.warmup)))
        if self.name == "step":
            passed = bisect.bisect_right([math.ceil(each * self.total) for each in self.milestones], step)
            return float(warm * self.decay**passed)
        return warm
