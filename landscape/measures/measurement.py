"""What a measure gives: a value with its error and its cost."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

ERROR_KINDS = ("bound", "standard error", "rounding", "optimisation gap", "interval")
"""What an error can be."""

TRANSFORMATIONS = {
    "layer_rescaling": "one layer of a ReLU network multiplied by a number, another divided by it",
    "neuron_rescaling": "the weights into each neuron of a ReLU network multiplied by a number, those out divided",
    "batch_norm_scaling": "the weights before a BatchNorm multiplied by a number, with its running statistics",
    "neuron_permutation": "the neurons of a layer in another order",
    "logit_scaling": "the outputs multiplied by a number: the decisions stay, the loss does not",
}
"""What can be done to a network that leaves its function (or its decisions) as it was."""

KEEPS = ("eigenvalues", "density", "sketch", "trace")
"""What many vectors can be kept for."""


@dataclass(frozen=True)
class Measurement:
    """One number about one minimum.

    Attributes:
        value: The number; None where it could not be had (``reason`` says why).
        error: How far it may be from the truth, as ``error_kind`` says.
        error_kind: One of `ERROR_KINDS`. ``"bound"``: there is an eigenvalue within it of the value (the residual), or
            a bound of that kind on what was made of eigenvalues; ``"standard error"``; ``"rounding"``: exact but for
            that; ``"optimisation gap"``: the value is a lower bound of a maximum, which the search leaves room to
            miss by this much; ``"interval"``: half the width of the interval that holds it.
        residual: Of an eigenpair, |Hv - value v|.
        matvecs: Products with the Hessian (or Gauss-Newton matrix) over all the examples that it cost itself; what it
            took over from another measure is in ``shared``, and not counted twice.
        passes: Backward passes over all the examples that it cost beside them.
        forward_passes: Forward passes over all the examples that it cost beside them.
        examples: Examples that the loss was taken over.
        dtype: Precision of the products.
        seed: Of everything random in it.
        seconds: Wall time.
        converged: Whether the error is within the tolerance asked for.
        reason: Why the solver stopped, or why there is no value.
        caveat: A sentence on what the number does not tell.
        shared: What it took over from other measures of this minimum, in words.
        details: More numbers of the same computation by name, such as those at other radii, as plain JSON types.
    """

    value: float | None
    error: float | None = None
    error_kind: str = ""
    residual: float | None = None
    matvecs: int = 0
    passes: int = 0
    forward_passes: int = 0
    examples: int = 0
    dtype: str = ""
    seed: int = 0
    seconds: float = 0.0
    converged: bool = False
    reason: str = ""
    caveat: str = ""
    shared: tuple[str, ...] = ()
    details: Mapping[str, Any] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as plain JSON types."""
        return {**asdict(self), "shared": list(self.shared)}


@dataclass(frozen=True)
class Measure:
    r"""A registered measure.

    Attributes:
        compute: ``(minimum, *, seed, **options) -> Measurement``; seconds, examples, dtype and seed are filled in.
        label: Its name in words, for tables and axes.
        symbol: Its symbol in LaTeX.
        blind_spot: A sentence on what it cannot see.
        quantity: What it estimates, in words; two measures of one quantity are not two pieces of evidence.
        typical_matvecs: Products that it takes on usual networks, or the like in passes, for estimates of time.
        sign: 1 where larger is sharper, -1 where larger is flatter, 0 where it takes no part in a verdict.
        why_not: Why it takes no part, as the end of a sentence: "is not a sharpness".
        invariances: Which of `TRANSFORMATIONS` leave it unchanged.
        keeps: For what it keeps many vectors of the length of the parameters, one of `KEEPS`; "" for few.

    Raises:
        ValueError: If an invariance is none of `TRANSFORMATIONS`, what it keeps is none of `KEEPS`, or one without a
            part in verdicts does not say why.
    """

    compute: Callable[..., Measurement]
    label: str
    symbol: str
    blind_spot: str
    quantity: str
    typical_matvecs: int
    sign: int = 1
    why_not: str = ""
    invariances: frozenset[str] = frozenset({"neuron_permutation"})
    keeps: str = ""

    def __post_init__(self) -> None:
        """Refuse what the tables could not show."""
        unknown = self.invariances - TRANSFORMATIONS.keys()
        if unknown:
            raise ValueError(f"There is no transformation {min(unknown)!r}. Known: {', '.join(TRANSFORMATIONS)}.")
        if self.keeps and self.keeps not in KEEPS:
            raise ValueError(f"Nothing is kept for {self.keeps!r}. Known: {', '.join(KEEPS)}.")
        if bool(self.sign) == bool(self.why_not):
            raise ValueError(f"{self.label!r} needs either a sign or a reason why it takes no part in a verdict.")
