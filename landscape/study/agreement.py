"""Two solvers of one quantity have to agree within their bounds."""

import itertools
from collections.abc import Mapping
from typing import Any


def mark_disagreement(measurements: Mapping[str, dict[str, Any]], quantities: Mapping[str, str]) -> None:
    """Mark as not converged what disagrees, beyond both bounds, with another measure of the same quantity.

    A residual says that *an* eigenvalue is near, not that it is the largest: an iteration that starts almost
    orthogonal to the top eigenvector can settle on the second one. A second solver from another start shows it.

    Args:
        measurements: Of one minimum by name; changed in place.
        quantities: What each measure estimates, by its name.
    """
    bounded = [
        name
        for name, row in measurements.items()
        if row["error_kind"] == "bound" and None not in (row["value"], row["error"]) and name in quantities
    ]
    for a, b in itertools.combinations(bounded, 2):
        one, other = measurements[a], measurements[b]
        apart = abs(one["value"] - other["value"])
        if quantities[a] == quantities[b] and apart > one["error"] + other["error"]:
            for row, name in ((one, b), (other, a)):
                row["converged"] = False
                row["reason"] = f"disagrees with {name} by {apart:.2g}, more than both errors together"
