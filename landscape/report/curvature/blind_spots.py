"""What each number of a curvature measurement cannot see."""

from typing import Any

EIGENVALUES = (
    "Curvature along single directions in these coordinates: rescaling the layers of a ReLU network changes it and "
    "leaves every output as it was. It says nothing about how far a kink or the edge of the valley lies. With "
    "cross-entropy it falls with the training loss: compare minima at the same loss."
)
TRACE = (
    "A sum over all directions: a few large eigenvalues and many small ones can add up to the same, and negative ones "
    "cancel positive ones."
)
RATIO = "How far below zero the smallest eigenvalue is, not how many are below zero; it is not a condition number."
DENSITY = (
    "Details of the bulk narrower than the distance between nodes of the quadrature, and what lies exactly at zero: "
    "the mass near zero counts small eigenvalues of either sign."
)
OPERATORS = {
    "hessian": "the exact Hessian of the mean loss over the examples, by products that agree with double backward.",
    "gauss_newton": "the Hessian with the network linearised; it has no negative curvature by construction.",
    "fisher": "the Fisher matrix over the model's own distribution, exactly; not that of the data.",
    "fisher_monte_carlo": "the Fisher matrix over targets drawn from the model once; another seed gives another.",
    "fisher_empirical": "the second moment of per-example gradients at the targets of the data; no estimate of the "
    "Fisher matrix unless the model fits them.",
    "preconditioned": "the Hessian in the metric of the optimizer's preconditioner at this moment; its numbers compare "
    "with that optimizer's edge of stability, not with plain eigenvalues.",
}


def blind_spots(result: dict[str, Any]) -> list[tuple[str, str]]:
    """Return (number, what it cannot see) for everything that was measured, the operator first."""
    spots = [("the operator", f"This is {OPERATORS[result['operator']]}")]
    if result["eigenvalues"]:
        spots.append(("eigenvalues", EIGENVALUES))
    if result["trace"]:
        spots.append(("trace", TRACE))
    if result["ratio"]:
        spots.append(("|smallest / largest|", RATIO))
    if result["density"]:
        spots.append(("spectral density", DENSITY))
    return spots
