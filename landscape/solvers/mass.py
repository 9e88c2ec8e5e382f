"""The share of the eigenvalues in an interval."""

import math
from dataclasses import asdict, dataclass
from typing import Any

BRACKET = "bracket of the quadrature"


@dataclass(frozen=True)
class Mass:
    """The share of the eigenvalues in an interval.

    A quadrature says little about what lies between its nodes: the value is interpolated there, and its bias can be
    many times the standard error over probes. The error therefore reaches to the farther end of what the quadratures
    allow.

    Attributes:
        value: The mean over probes.
        standard_error: Of that mean; infinite with one probe.
        least: The least that the quadratures allow, averaged over probes (Chebyshev, Markov, Stieltjes).
        most: The most that they allow.
    """

    value: float
    standard_error: float
    least: float
    most: float

    @property
    def error(self) -> float:
        """The distance to the farther of ``least`` and ``most``, or the standard error where that is larger."""
        return max(self._reach, self.standard_error)

    @property
    def error_kind(self) -> str:
        """Which of the two the error is."""
        return BRACKET if self._reach >= self.standard_error else "standard error"

    @property
    def _reach(self) -> float:
        return max(self.value - self.least, self.most - self.value)

    def to_dict(self) -> dict[str, Any]:
        """Return all of it as plain JSON types."""
        errors = {"error": finite(self.error), "error_kind": self.error_kind}
        return errors | {name: finite(each) for name, each in asdict(self).items()}


def finite(value: float) -> float | None:
    """Return a number as JSON holds it: None where it is not finite."""
    return value if math.isfinite(value) else None
