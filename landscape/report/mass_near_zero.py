"""The share of the eigenvalues near zero in words: with an error, or as the range that is all one can say."""

import math
from collections.abc import Mapping
from typing import Any

from landscape.report.numbers import fixed, with_error

WIDEST = 10.0
"""Percentage points from which a share is only given as a range: an error this large is no error of a number."""


def share(mass: Mapping[str, Any]) -> str:
    """Return the share in per cent without the sign: ``94.7 ± 0.9``, or ``between 42 and 70`` where that is wide."""
    if _width(mass) > WIDEST:
        return "between {} and {}".format(*_ends(mass))
    error = mass["error"]
    return with_error(100 * mass["value"], None if error is None else 100 * max(error, _reach(mass)))


def error_kind(mass: Mapping[str, Any]) -> str:
    """Return what the error of `share` is."""
    if mass["error"] is None:
        return "bracket, one probe" if _width(mass) > WIDEST else "none: one probe"
    return "bracket" if _width(mass) > WIDEST or _reach(mass) >= mass["error"] else "standard error"


def allowed(mass: Mapping[str, Any]) -> str:
    """Return the range that the quadrature allows, with digits enough to tell its ends apart; empty if `share` does."""
    if _width(mass) > WIDEST:
        return ""
    low, high = _ends(mass)
    return f"the quadrature allows {low} to {high} %" if low != high else "the quadrature allows no other share"


def _ends(mass: Mapping[str, Any]) -> tuple[str, str]:
    decimals = max(0, min(4, 1 - math.floor(math.log10(max(_width(mass), 1e-9)))))
    return fixed(100 * mass["least"], decimals), fixed(100 * mass["most"], decimals)


def _width(mass: Mapping[str, Any]) -> float:
    return 100 * float(mass["most"] - mass["least"])


def _reach(mass: Mapping[str, Any]) -> float:
    # again from the ends: a file of an earlier version has the standard error alone
    return float(max(mass["value"] - mass["least"], mass["most"] - mass["value"]))
