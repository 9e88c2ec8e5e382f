"""What stands for an optimizer (colour and filling) and for a learning rate (marker and line) everywhere."""

from dataclasses import dataclass
from typing import Any

# Okabe & Ito 2008, "Color universal design": told apart with every common form of colour blindness.
BLUE, VERMILION, GREEN, PURPLE, SKY, ORANGE, BLACK = (
    "#0072B2",
    "#D55E00",
    "#009E73",
    "#AA4499",
    "#56B4E9",
    "#E69F00",
    "#333333",
)
_FIXED = {"sgd": BLUE, "adam": VERMILION, "adamw": GREEN, "rmsprop": PURPLE, "sam": SKY}
_SPARE = (ORANGE, BLACK, SKY, PURPLE, GREEN, VERMILION, BLUE)

# Filling, as Matplotlib calls it, and what plotly adds to a marker's name: it tells optimizers apart without colour.
_FILLS = (("full", ""), ("none", ""), ("left", "-dot"), ("bottom", "-open-dot"))
# Learning-rate ranks: Matplotlib's marker and line, plotly's marker and line, and the character for HTML.
_RANKS: tuple[tuple[str, Any, str, str], ...] = (
    ("o", "-", "circle", "solid"),
    ("s", (0, (5, 1.5)), "square", "dash"),
    ("^", (0, (1, 1)), "triangle-up", "dot"),
    ("D", (0, (6, 1.5, 1, 1.5)), "diamond", "dashdot"),
    ("v", (0, (9, 2)), "triangle-down", "longdash"),
    ("P", (0, (3, 1, 1, 1, 1, 1)), "cross", "longdashdot"),
)


@dataclass(frozen=True)
class Look:
    """How the runs of one optimizer at one learning-rate rank are drawn."""

    color: str
    fill: str
    marker: str
    line: Any
    symbol: str
    dash: str


def look(optimizers: list[str], optimizer: str, lr_rank: int = 0) -> Look:
    """Return the look of an optimizer at a learning-rate rank, the same in every figure of a report."""
    color = colors(optimizers)[optimizer]
    fill, suffix = _FILLS[optimizers.index(optimizer) % len(_FILLS)]
    marker, line, symbol, dash = _RANKS[lr_rank % len(_RANKS)]
    return Look(color, fill, marker, line, symbol + suffix, dash)


def colors(optimizers: list[str]) -> dict[str, str]:
    """Return a colour for each optimizer: SGD is always blue and Adam always vermilion."""
    chosen = {name: _FIXED[name] for name in optimizers if name in _FIXED}
    spare = [color for color in _SPARE if color not in chosen.values()] or list(_SPARE)
    others = [name for name in optimizers if name not in chosen]
    return chosen | {name: spare[index % len(spare)] for index, name in enumerate(others)}
