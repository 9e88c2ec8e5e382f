"""An average of the weights while they are trained."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from landscape.errors import UsageError
from landscape.weight_average import WeightAverage

LITTLE = 0.01
"""Weight of the first point in a moving average from which on it is said to be still in it."""


@dataclass(frozen=True)
class RunningAverage:
    """The average so far; how many points are in it follows from the step.

    Args:
        rule: Which average it is.
        points: The steps after which the weights are averaged in.
        tensors: The average, one for each trainable parameter, changed in place.
    """

    rule: WeightAverage
    points: range
    tensors: tuple[Tensor, ...]

    @torch.no_grad()
    def absorb(self, step: int, parameters: Sequence[Tensor]) -> None:
        """Average the parameters after ``step`` steps in, if that step is one of its points.

        It does what ``torch.optim.swa_utils.AveragedModel`` does, in a few calls for all parameters.
        """
        if step not in self.points:
            return
        weight = self.rule.weight_of_the_next(self.points.index(step))
        torch._foreach_lerp_(list(self.tensors), [each.detach() for each in parameters], weight)

    @property
    def note(self) -> str:
        """What is not as it should be at the end of training, or ""."""
        left = self.rule.number ** (len(self.points) - 1) if self.rule.kind == "ema" else 0.0
        if left < LITTLE:
            return ""
        return (
            f"{100 * left:.0f} % of this average are the weights after the first step: training has {len(self.points)} "
            f"steps, and the decay reaches further back. A lower decay or longer training leaves less of them."
        )


def running_average(
    rule: WeightAverage, parameters: Sequence[Tensor], total: int, steps_per_epoch: int
) -> RunningAverage:
    """Return an average before the first step.

    Raises:
        UsageError: If it would be of one point only.
    """
    points = checked_points(rule, total, steps_per_epoch)
    return RunningAverage(rule, points, tuple(torch.zeros_like(each) for each in parameters))


def checked_points(rule: WeightAverage, total: int, steps_per_epoch: int) -> range:
    """Return the steps after which the weights of a training are averaged in.

    Raises:
        UsageError: If that is one only.
    """
    points = rule.points(total, steps_per_epoch)
    if len(points) < 2:
        raise UsageError(
            f"The average {rule.name} would be of one point only: the end of a training of {total} steps, with points "
            f"{steps_per_epoch} steps (an epoch) apart. Start it earlier, or train longer."
        )
    return points
