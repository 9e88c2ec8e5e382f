"""How far what came back is from the truth, and whether that is within the tolerance."""

import numpy as np
from settings import RTOL, TRACE_RTOL


def judge(task: str, result: dict, reference: dict) -> dict:
    """Return relative error and whether the tolerance is reached, for a result without failure."""
    if task in ("top1", "top5"):
        return _eigenvalues(result, reference)
    if task == "trace":
        return _trace(result, reference)
    return _density(result, reference) if task == "density" else {}


def _eigenvalues(result: dict, reference: dict) -> dict:
    found, true = np.array(result["values"]), np.array(reference["eigenvalues"][: len(result["values"])])
    errors = np.abs(found - true)
    judged = {"relative_error": float((errors / true).max()), "reached": bool((errors <= RTOL * true).all())}
    if "bounds" in result:
        # some eigenvalue lies within the residual of each value; here: the one that it is taken for
        slack = 1e-5 * true + np.array(reference["bounds"][: len(true)])
        judged["bound_holds"] = bool((errors <= np.array(result["bounds"]) + slack).all())
    return judged


def _trace(result: dict, reference: dict) -> dict:
    true = reference["trace"]
    error = abs(result["trace"] - true)
    judged = {"relative_error": error / abs(true)}
    if result["error"] is None:
        # no standard error comes back: the true error has to be within two of those that were asked for
        return judged | {"reached": bool(error <= 2 * TRACE_RTOL * abs(true))}
    relative = result["error"] / abs(result["trace"])
    return judged | {
        "standard_error": relative,
        "reached": bool(relative <= TRACE_RTOL and error <= 4 * TRACE_RTOL * abs(true)),
        "bound_holds": bool(error <= 4 * result["error"] + 1e-3 * abs(true)),
    }


def _density(result: dict, reference: dict) -> dict:
    """Judge a density by its upper edge; its mean times n is a one-probe estimate of the trace."""
    nodes, weights = np.array(result.pop("nodes")), np.array(result.pop("weights"))
    top, mean = reference["eigenvalues"][0], float(nodes @ weights) * reference["parameters"]
    edge = abs(float(nodes.max()) - top) / top
    trace_error = abs(mean - reference["trace"]) / abs(reference["trace"])
    return {"relative_error": edge, "trace_error": trace_error, "reached": edge <= RTOL}
