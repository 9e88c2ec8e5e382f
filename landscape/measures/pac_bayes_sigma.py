"""The largest noise on the weights that keeps the accuracy."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from landscape.errors import UsageError
from landscape.measures.measurement import Measure, Measurement
from landscape.measures.perturbed_loss import Cost
from landscape.measures.shared_noise import FEWEST_PAIRS, NoisePairs, check_radius, noise_pairs
from landscape.minimum import Minimum
from landscape.registry import measures
from landscape.solvers.estimate import mean_and_error

_BLIND_SPOT = (
    "Decisions only, not the loss, and a mean over directions; rescaling that leaves the function unchanged moves it. "
    "The accuracy is taken to fall with the noise, which holds near minima but is no theorem."
)
_SURE = 3.0
_DOUBLINGS = 24

Side = Literal["above", "below", "unsure"]


@dataclass(frozen=True)
class _Search:
    """Whether the mean accuracy at a noise level is above or below its target, as far as the pairs tell."""

    pairs: NoisePairs
    target: float
    max_pairs: int

    def side(self, sigma: float) -> Side:
        """Return which side, taking pairs until it is three standard errors away, or all of them."""
        samples: list[float] = []
        while len(samples) < self.max_pairs:
            accuracy = self.pairs(len(samples), sigma).accuracy
            samples.append(0.0 if accuracy is None else accuracy)
            mean, error = mean_and_error(np.array(samples))
            if len(samples) >= min(FEWEST_PAIRS, self.max_pairs) and abs(mean - self.target) > _SURE * error:
                return "above" if mean > self.target else "below"
        return "unsure"

    def bracket(self, sigma: float) -> tuple[float, float]:
        """Return a noise level surely above and one surely below, a power of two apart; infinite ends where none."""
        low, high = 0.0, np.inf
        for _ in range(_DOUBLINGS):
            side = self.side(sigma)
            if side != "below":
                low = sigma if side == "above" else low
                sigma *= 2
            else:
                high = sigma
                break
        while low == 0 and sigma > 1e-9:
            sigma /= 2
            side = self.side(sigma)
            low, high = (sigma, high) if side == "above" else (low, sigma if side == "below" else high)
        return low, high

    def narrowed(self, low: float, high: float, ratio: float) -> tuple[float, float]:
        """Return the ends moved inwards as far as the pairs can tell, or until they are ``ratio`` apart."""
        above, unsure = low, high
        while unsure / above > ratio:
            middle = float(np.sqrt(above * unsure))
            side = self.side(middle)
            above, unsure = (middle, unsure) if side == "above" else (above, middle)
            high = middle if side == "below" else high
        unsure, below = above, high
        while below / unsure > ratio:
            middle = float(np.sqrt(unsure * below))
            unsure, below = (unsure, middle) if self.side(middle) == "below" else (middle, below)
        return above, below


def pac_bayes_sigma(
    minimum: Minimum, *, seed: int = 0, rtol: float = 0.1, drop: float = 0.1, start: float = 0.05, max_pairs: int = 50
) -> Measurement:
    r"""Return the largest $\sigma$ with $E_e[\text{accuracy}(\theta + \sigma e)] \geq \text{accuracy} - \text{drop}$.

    e is standard normal. The interval is found by bracketing: at its lower end the mean accuracy is above the target by
    three standard errors, at its upper end below it by three.

    Args:
        minimum: What to measure; its problem must be a classification.
        seed: Of the noise.
        rtol: Tolerance of half the interval, relative to its middle.
        drop: How much accuracy may be lost, such as 0.1.
        start: Where the search begins.
        max_pairs: Most antithetic pairs at one level.

    Returns:
        The middle of the interval, half of it as the error; ``details`` has its ends. Larger is flatter. No value
        without classes.

    Raises:
        UsageError: If the drop is not between 0 and 1, or the start not positive.

    Cost:
        10 to 15 levels of 16 to 100 forward passes.

    Invariances:
        Permutation of neurons; scaling of the logits, by a last layer that is scaled with its noise only.

    References:
        Jiang, Neyshabur, Mobahi, Krishnan, Bengio 2020, "Fantastic generalization measures and where to find them",
        appendix C.5 (there $1/\sigma^2$ is the measure).
    """
    check_radius(start, "start")
    if not 0 < drop < 1 or max_pairs < 2:
        raise UsageError(f"drop must be between 0 and 1 and max_pairs at least 2; they are {drop} and {max_pairs}.")
    pairs = noise_pairs(minimum, seed, adaptive=False)
    cost, accuracy = Cost(pairs.loss), pairs.loss.centre.accuracy
    if accuracy is None:
        return Measurement(None, reason="there are no classes and so no accuracy", caveat=_BLIND_SPOT)
    search = _Search(pairs, accuracy - drop, max_pairs)
    low, high = search.bracket(start)
    if low == 0 or not np.isfinite(high):
        reason = f"no noise between {start:g} and {start * 2.0**_DOUBLINGS:g} surely costs {drop:g} of accuracy"
        return cost.added(Measurement(None, reason=reason, caveat=_BLIND_SPOT))
    low, high = search.narrowed(low, high, 1 + rtol / 2)
    value, error = (low + high) / 2, (high - low) / 2
    converged = error <= rtol * value
    measured = Measurement(
        value=value,
        error=error,
        error_kind="interval",
        converged=converged,
        reason="the interval is within rtol" if converged else f"max_pairs ({max_pairs}) cannot tell the ends closer",
        caveat=f"For {100 * drop:g} % of accuracy. {_BLIND_SPOT}",
        details={"low": low, "high": high, "drop": drop, "accuracy": accuracy},
    )
    return cost.added(measured)


measures.register("pac_bayes_sigma", "largest noise on the weights that keeps the accuracy within a set drop")(
    Measure(pac_bayes_sigma, "PAC-Bayes sigma", r"\sigma", _BLIND_SPOT, "PAC-Bayes sigma", 150, sign=-1)
)
