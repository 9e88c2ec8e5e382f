"""Ranges that a hyper-parameter search draws from, on the scale on which the parameter acts."""

import math
from dataclasses import dataclass

DIGITS = 3
"""Significant digits of what is drawn: names of runs stay short, and a step of a percent changes nothing."""


@dataclass(frozen=True)
class SearchRange:
    r"""A log-uniform range of a parameter, or of one minus it.

    A learning rate acts by its size, a momentum or a decay $\beta$ by $1/(1-\beta)$, the number of steps that it
    remembers: that is why the latter are drawn by the logarithm of $1-\beta$.

    Attributes:
        low: Lowest value of the parameter itself.
        high: Highest value.
        complement: Whether one minus the parameter is log-uniform.

    Example:
        >>> SearchRange(0.0, 0.999, complement=True).at(0.5)
        0.9684

    References:
        Choi et al. 2019, "On empirical comparisons of optimizers for deep learning", section 4.
    """

    low: float
    high: float
    complement: bool = False

    @property
    def has_sense(self) -> bool:
        """Whether the ends are in order and have logarithms."""
        ends = (1 - self.high, 1 - self.low) if self.complement else (self.low, self.high)
        return all(math.isfinite(each) for each in ends) and 0 < ends[0] < ends[1]

    def at(self, share: float) -> float:
        """Return the value at a share of the range from its low end, rounded to three digits."""
        a, b = self._logarithms()
        drawn = float(f"{math.exp(a + share * (b - a)):.{DIGITS}g}")
        return round(1 - drawn, 12) if self.complement else drawn

    def place(self, value: float) -> float:
        """Return the share of the range at which a value lies: 0 at its low end, 1 at its high end."""
        a, b = self._logarithms()
        return (math.log(1 - value if self.complement else value) - a) / (b - a)

    def _logarithms(self) -> tuple[float, float]:
        if self.complement:
            return math.log(1 - self.low), math.log(1 - self.high)
        return math.log(self.low), math.log(self.high)

    def __str__(self) -> str:
        """Return the ends as text."""
        return f"{self.low:g} to {self.high:g}"


MOMENTUM = SearchRange(0.0, 0.999, complement=True)
BETA2 = SearchRange(0.9, 0.9999, complement=True)
EPS = SearchRange(1e-10, 1e-2)
WEIGHT_DECAY = SearchRange(1e-6, 1e-2)
"""Of weight decay that is added to the gradient."""
DECOUPLED = SearchRange(1e-4, 1.0)
"""Of weight decay that is taken off the parameters, times the learning rate."""
MOMENTUM_SEARCH = {"lr": SearchRange(1e-4, 1.0), "momentum": MOMENTUM, "weight_decay": WEIGHT_DECAY}
"""Of gradient descent with momentum, whatever kind."""
ADAM_SEARCH = {
    "lr": SearchRange(1e-5, 0.1),
    "beta1": MOMENTUM,
    "beta2": BETA2,
    "eps": EPS,
    "weight_decay": WEIGHT_DECAY,
}
"""Of Adam and its kin with weight decay in the gradient; the two betas are one option."""
