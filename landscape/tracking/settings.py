"""What is measured along a training, and how often."""

from dataclasses import dataclass

from landscape.errors import UsageError
from landscape.operators.hessian_products import check_product


@dataclass(frozen=True)
class TrackSettings:
    """What is measured at each stop of a training.

    Args:
        every: Steps between measurements.
        top_k: Eigenvalues of the Hessian, and of the preconditioned Hessian where the optimizer has one.
        rtol: Residual at which an eigenvalue is good enough, over its size; the value itself is far better.
        max_matvecs: Most products for the eigenvalues of one operator at one stop.
        trace: Whether the trace is estimated too.
        trace_rtol: Its standard error, over the trace.
        batches: Mini-batches that batch sharpness is a mean over; 0 leaves it out.
        product: A kind of Hessian product by name, or ``"auto"``.
        seed: Of all random vectors and batches.

    Raises:
        UsageError: If a number is out of its range.
    """

    every: int
    top_k: int = 1
    rtol: float = 0.01
    max_matvecs: int = 200
    trace: bool = False
    trace_rtol: float = 0.05
    batches: int = 16
    product: str = "auto"
    seed: int = 0

    def __post_init__(self) -> None:
        """Refuse what makes no sense."""
        check_product(self.product)
        for name, least in (("every", 1), ("top_k", 1), ("max_matvecs", 2), ("batches", 0)):
            if getattr(self, name) < least:
                raise UsageError(f"{name} must be at least {least}; it is {getattr(self, name)}.")
        for name in ("rtol", "trace_rtol"):
            if not 0 < getattr(self, name) < 1:
                raise UsageError(f"{name} must be between 0 and 1; it is {getattr(self, name):g}.")
