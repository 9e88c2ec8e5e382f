"""What a measure gives: a value with its error and its cost."""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class Measurement:
    """One number about one minimum.

    Attributes:
        value: The number; None where it could not be had (``reason`` says why).
        error: How far it may be from the truth, as ``error_kind`` says.
        error_kind: ``"bound"`` (there is an eigenvalue within it of the value: the residual), ``"standard error"``, or
            ``"rounding"`` (exact but for that).
        residual: Of an eigenpair, |Hv - value v|.
        matvecs: Products with the Hessian that it cost.
        passes: Backward passes over all the examples that it cost beside them.
        examples: Examples that the loss was taken over.
        dtype: Precision of the products.
        seed: Of everything random in it.
        seconds: Wall time.
        converged: Whether the error is within the tolerance asked for.
        reason: Why the solver stopped, or why there is no value.
        caveat: A sentence on what the number does not tell.
    """

    value: float | None
    error: float | None = None
    error_kind: str = ""
    residual: float | None = None
    matvecs: int = 0
    passes: int = 0
    examples: int = 0
    dtype: str = ""
    seed: int = 0
    seconds: float = 0.0
    converged: bool = False
    reason: str = ""
    caveat: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as plain JSON types."""
        return asdict(self)


@dataclass(frozen=True)
class Measure:
    r"""A registered measure.

    Attributes:
        compute: ``(minimum, *, seed, **options) -> Measurement``; seconds, examples, dtype and seed are filled in.
        label: Its name in words, for tables and axes.
        symbol: Its symbol in LaTeX.
        blind_spot: A sentence on what it cannot see.
        quantity: What it estimates, in words; two measures of one quantity are not two pieces of evidence.
        typical_matvecs: Products that it takes on usual networks, for estimates of time.
        sign: 1 where larger is sharper, -1 where larger is flatter, 0 where it takes no part in a verdict.
        why_not: Why it takes no part, as the end of a sentence: "is not a sharpness".
    """

    compute: Callable[..., Measurement]
    label: str
    symbol: str
    blind_spot: str
    quantity: str
    typical_matvecs: int
    sign: int = 1
    why_not: str = ""
