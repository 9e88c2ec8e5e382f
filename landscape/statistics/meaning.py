"""What measures and optimizers are called in a sentence, and whether a larger number means a sharper minimum."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Meaning:
    """How a measure is read.

    Attributes:
        measure: Its registered name.
        words: What it estimates, in words; two measures of one quantity are one piece of evidence.
        sign: 1 where larger is sharper, -1 where larger is flatter, 0 where it takes no part in the verdict.
        why_not: Why it takes no part.
    """

    measure: str
    words: str
    sign: int = 1
    why_not: str = ""


_OPTIMIZERS = {
    "sgd": "SGD",
    "heavy_ball": "heavy ball",
    "nesterov": "Nesterov",
    "adam": "Adam",
    "adamw": "AdamW",
    "nadam": "NAdam",
    "radam": "RAdam",
    "rmsprop": "RMSProp",
    "sam": "SAM",
    "asam": "ASAM",
    "muon": "Muon",
    "lion": "Lion",
    "adagrad": "Adagrad",
    "lbfgs": "L-BFGS",
    "soap": "SOAP",
    "shampoo": "Shampoo",
}
_FACTORS = {"lr": "learning rate", "dataset": "data set", "option_rank": "optimizer's options"}


def meaning(described: Mapping[str, Any]) -> Meaning:
    """Return how a measure is read, from what it says of itself: an entry of ``measures`` in ``report.json``."""
    return Meaning(described["name"], described["quantity"], described["sign"], described["why_not"])


def quantities(measures: Sequence[Meaning]) -> list[list[Meaning]]:
    """Return the measures that take part, grouped by what they estimate, the one named after the quantity first."""
    groups: dict[str, list[Meaning]] = {}
    for each in measures:
        if each.sign:
            groups.setdefault(each.words, []).append(each)
    return [sorted(group, key=lambda each: each.measure.replace("_", " ") != each.words) for group in groups.values()]


def optimizer_words(name: str) -> str:
    """Return what an optimizer is called in a sentence."""
    return _OPTIMIZERS.get(name, name)


def factor_words(name: str) -> str:
    """Return what a factor is called in a sentence."""
    return f"the {_FACTORS.get(name, name.replace('_', ' '))}"


def capital(text: str) -> str:
    """Return a text that begins with a capital letter, the rest as it is."""
    return text[:1].upper() + text[1:]


def number(value: float) -> str:
    """Return two or three digits of a number, as one would say it."""
    if value < 0:
        return f"\u2212{number(-value)}"
    if value != 0 and not 0.1 <= value < 1e5:
        return f"{value:.2g}"
    digits = 2 if value < 10 else 1 if value < 100 else 0
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
