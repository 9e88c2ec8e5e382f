"""What measures and optimizers are called in a sentence, and whether a larger number means a sharper minimum."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

NOT_COMPARABLE = "is measured in coordinates of the optimizer's own, which differ between the minima compared"
NOT_SHARPNESS = "is not a sharpness"
NO_RATIO = "can be zero or negative, so its ratio means nothing"
UNKNOWN = "is not known to this program to be larger at sharper minima"


@dataclass(frozen=True)
class Meaning:
    """How a measure is read.

    Attributes:
        measure: Its registered name.
        words: What it is called in a sentence.
        quantity: What it estimates; two measures of one quantity are one piece of evidence.
        sign: 1 where larger is sharper, -1 where larger is flatter, 0 where it takes no part in the verdict.
        why_not: Why it takes no part.
    """

    measure: str
    words: str
    quantity: str
    sign: int = 1
    why_not: str = ""


_SHARPER = frozenset(
    {
        "top_eigenvalue",
        "trace",
        "frobenius_norm",
        "sqrt_diagonal_trace",
        "gauss_newton_top_eigenvalue",
        "gauss_newton_trace",
        "directional_sharpness",
        "average_sharpness",
        "adaptive_average_sharpness",
        "worst_case_sharpness",
        "adaptive_worst_case_sharpness",
        "keskar_sharpness",
        "low_pass_sharpness",
        "batch_sharpness",
        "fisher_rao",
        "adaptive_trace",
        "adaptive_top_eigenvalue",
        "relative_flatness",
        "orbit_minimum_trace",
    }
)
_WORDS = {
    "keskar_sharpness": "Keskar sharpness",
    "low_pass_sharpness": "low-pass sharpness",
    "worst_case_sharpness": "worst-case sharpness",
    "adaptive_worst_case_sharpness": "adaptive worst-case sharpness",
    "gauss_newton_top_eigenvalue": "Gauss-Newton top eigenvalue",
    "gauss_newton_trace": "Gauss-Newton trace",
    "fisher_rao": "Fisher-Rao norm",
    "frobenius_norm": "Frobenius norm",
    "pac_bayes_sigma": "PAC-Bayes noise level",
    "log_det": "log-determinant",
    "sqrt_diagonal_trace": "trace of the square root of the Hessian's diagonal",
    # Petzka's measure is called flatness and grows with curvature.
    "relative_flatness": "Petzka's curvature measure",
}
_WHY_NOT = {
    "preconditioned_top_eigenvalue": NOT_COMPARABLE,
    "bottom_eigenvalue": NO_RATIO,
    "log_det": NO_RATIO,
    "eigenvalue_ratio": NOT_SHARPNESS,
    "effective_rank": NOT_SHARPNESS,
    "orbit_excess": NOT_SHARPNESS,
    "weight_norm": NOT_SHARPNESS,
    "distance_from_initialization": NOT_SHARPNESS,
    "path_norm": NOT_SHARPNESS,
    "spectral_norm_product": NOT_SHARPNESS,
    "margin": NOT_SHARPNESS,
    "train_loss": NOT_SHARPNESS,
}
_OPTIMIZERS = {
    "sgd": "SGD",
    "adam": "Adam",
    "adamw": "AdamW",
    "rmsprop": "RMSProp",
    "sam": "SAM",
    "muon": "Muon",
    "lion": "Lion",
    "adagrad": "Adagrad",
}


def meaning(measure: str) -> Meaning:
    """Return how a measure is read; one that is not known takes no part in the verdict."""
    words = _WORDS.get(measure, measure.replace("_", " "))
    if measure == "power_iteration_top_eigenvalue":
        return Meaning(measure, "top eigenvalue", "top_eigenvalue")
    if measure == "pac_bayes_sigma":
        return Meaning(measure, words, measure, -1)
    if measure in _SHARPER:
        return Meaning(measure, words, measure)
    return Meaning(measure, words, measure, 0, _WHY_NOT.get(measure, UNKNOWN))


def quantities(measures: Sequence[str]) -> list[list[Meaning]]:
    """Return the measures that take part, grouped by what they estimate, the one named after the quantity first."""
    groups: dict[str, list[Meaning]] = {}
    for each in map(meaning, measures):
        if each.sign:
            groups.setdefault(each.quantity, []).append(each)
    return [sorted(group, key=lambda each: each.measure != each.quantity) for group in groups.values()]


def optimizer_words(name: str) -> str:
    """Return what an optimizer is called in a sentence."""
    return _OPTIMIZERS.get(name, name)


def number(value: float) -> str:
    """Return two or three digits of a number, as one would say it."""
    if value != 0 and not 0.1 <= abs(value) < 1e5:
        return f"{value:.2g}"
    digits = 2 if abs(value) < 10 else 1 if abs(value) < 100 else 0
    # An interval that ends at 1.002 must not read as if it held 1.
    while value != 1 and round(value, digits) == 1 and digits < 6:
        digits += 1
    return f"{value:.{digits}f}"


def listed(items: Sequence[str], most: int = 3) -> str:
    """Return "a, b and c", with what goes beyond ``most`` counted rather than named."""
    named = list(items) if len(items) <= most else [*items[:most], f"{len(items) - most} more"]
    return " and ".join([", ".join(named[:-1]), named[-1]] if len(named) > 1 else named)


def plural(count: int, noun: str) -> str:
    """Return "1 run", "2 runs"."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def interval(record: Mapping[str, Any], confidence: float | None = None) -> str:
    """Return "95 % interval 1.20 to 1.90" of a record that has one."""
    level = record["confidence"] if confidence is None else confidence
    return f"{100 * level:g} % interval {number(record['low'])} to {number(record['high'])}"
