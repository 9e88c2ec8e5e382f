"""One set of Gaussian perturbations for all measures that average over noise on the weights."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from landscape.errors import UsageError
from landscape.measures.perturbed_loss import Change, PerturbedLoss, perturbed_loss
from landscape.minimum import Minimum
from landscape.randomness import derive_seed
from landscape.solvers.estimate import mean_and_error

FEWEST_PAIRS = 16


class NoisePairs:
    r"""The mean change of the loss at $\theta \pm s e_i$ for the same directions $e_i$ at every radius s.

    A pair has no part of odd order in s: the gradient's is gone.

    Args:
        loss: Around which point.
        seed: Of the directions.
        adaptive: Whether $e_i$ is standard normal times $|\theta|$, element by element.
    """

    def __init__(self, loss: PerturbedLoss, seed: int, *, adaptive: bool) -> None:
        self.loss, self.seed, self.adaptive = loss, seed, adaptive
        self._found: dict[tuple[int, float], Change] = {}

    def __call__(self, index: int, radius: float) -> Change:
        """Return the mean of a pair."""
        key = (index, radius)
        if key not in self._found:
            e = radius * self._direction(index)
            one, other = self.loss(e), self.loss(-e)
            right = None if one.accuracy is None or other.accuracy is None else (one.accuracy + other.accuracy) / 2
            self._found[key] = Change((one.loss + other.loss) / 2, right)
        return self._found[key]

    def _direction(self, index: int) -> Tensor:
        theta = self.loss.theta
        generator = torch.Generator().manual_seed(derive_seed(self.seed, "gaussian noise", index))
        e = torch.randn(len(theta), generator=generator, dtype=torch.float64).to(theta.device, self.loss.double)
        return e * theta.abs() if self.adaptive else e


@dataclass(frozen=True)
class NoiseMean:
    """The mean change at one radius, its standard error, and the pairs that it took."""

    radius: float
    value: float
    error: float
    pairs: int
    converged: bool

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as plain JSON types."""
        return {
            "radius": self.radius,
            "value": self.value,
            "error": self.error,
            "pairs": self.pairs,
            "converged": self.converged,
        }


def noise_pairs(minimum: Minimum, seed: int, *, adaptive: bool) -> NoisePairs:
    """Return the pairs that all measures of a minimum share."""
    loss = perturbed_loss(minimum)
    words = "noise in proportion to the weights" if adaptive else "noise on the weights"
    return minimum.shared((words, seed), lambda: NoisePairs(loss, seed, adaptive=adaptive)).value


def mean_change(pairs: NoisePairs, radius: float, rtol: float, max_pairs: int) -> NoiseMean:
    """Return the mean over pairs at a radius, stopped when its standard error is within ``rtol`` of it.

    The error has the rounding of three losses added to it.

    Raises:
        UsageError: If there are fewer than two pairs.
    """
    if max_pairs < 2 or not rtol > 0:
        raise UsageError(f"rtol must be positive and max_pairs at least 2; they are {rtol} and {max_pairs}.")
    least, samples = min(FEWEST_PAIRS, max_pairs), np.empty(0)
    while True:
        samples = np.append(samples, pairs(len(samples), radius).loss)
        value, error = mean_and_error(samples)
        error += 1.5 * pairs.loss.rounding
        converged = len(samples) >= least and error <= rtol * abs(value)
        if converged or len(samples) >= max_pairs:
            return NoiseMean(radius, value, error, len(samples), converged)


def check_radius(radius: float, name: str = "radius") -> None:
    """Refuse a radius that is none.

    Raises:
        UsageError: If it is not positive.
    """
    if not radius > 0:
        raise UsageError(f"{name} must be positive; it is {radius}. Give a number such as 0.01.")
