"""Names and sentences of a report made harmless for each place that they are printed in."""

import functools
import html
import re
import unicodedata

from landscape.report.numbers import SUPERSCRIPTS

GREEK = {
    "alpha": "α",
    "beta": "β",
    "gamma": "γ",
    "delta": "δ",
    "epsilon": "ε",
    "zeta": "ζ",
    "eta": "η",
    "theta": "θ",
    "iota": "ι",
    "kappa": "κ",
    "lambda": "λ",
    "mu": "μ",
    "nu": "ν",
    "xi": "ξ",
    "pi": "π",
    "rho": "ρ",
    "sigma": "σ",
    "tau": "τ",
    "upsilon": "υ",
    "phi": "φ",
    "chi": "χ",
    "psi": "ψ",
    "omega": "ω",
    "Gamma": "Γ",
    "Delta": "Δ",
    "Theta": "Θ",
    "Lambda": "Λ",
    "Xi": "Ξ",
    "Pi": "Π",
    "Sigma": "Σ",
    "Phi": "Φ",
    "Psi": "Ψ",
    "Omega": "Ω",
}

_LATEX = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "$": r"\$",
    "&": r"\&",
    "#": r"\#",
    "%": r"\%",
    "_": r"\_",
    "^": r"\textasciicircum{}",
    "~": r"\textasciitilde{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    "±": r"$\pm$",
    "×": r"$\times$",
    "÷": r"$\div$",
    "−": r"$-$",
    "–": "--",
    "—": "---",
    "…": r"\dots{}",
    "’": "'",
    "≤": r"$\leq$",
    "≥": r"$\geq$",
    "→": r"$\to$",
} | {character: rf"$\{name}$" for name, character in GREEK.items()}


class _Letters(dict[int, str | int]):
    """What `str.translate` makes of each character."""

    def __missing__(self, code: int) -> str | int:
        return code if code < 0x180 else "?"


_FORMULA = ("=", "+", "-", "@", "＝", "＋", "－", "＠")
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
_LETTERS = _Letters((ord(character), word) for character, word in _LATEX.items())
_FROM_SUPERSCRIPT = str.maketrans(SUPERSCRIPTS, "-0123456789")


def one_line(text: object) -> str:
    """Return ``text`` on one line, without control or direction-changing characters."""
    line = str(text)
    if line.isprintable():
        # has none of them
        return " ".join(line.split())
    visible = (
        " " if unicodedata.category(character) in {"Cc", "Zl", "Zp"} else character
        for character in line
        if unicodedata.category(character) not in {"Cf", "Cs", "Co", "Cn"}
    )
    return " ".join("".join(visible).split())


def shorten(text: object, limit: int) -> str:
    """Return ``text`` on one line of at most ``limit`` characters, with an ellipsis where it was cut."""
    line = one_line(text)
    return line if len(line) <= limit else line[: limit - 1].rstrip() + "…"


def for_html(text: object) -> str:
    """Return ``text`` for an HTML element or a quoted attribute."""
    return html.escape(one_line(text), quote=True)


def for_plotly(text: object, limit: int = 120) -> str:
    """Return ``text`` for plotly, which reads a few tags, a few entities, and mathematics between dollar signs."""
    return html.escape(shorten(text, limit), quote=False).replace("$", "&#36;")


def for_latex(text: object) -> str:
    """Return ``text`` for LaTeX's text mode; characters that pdflatex does not know become a question mark."""
    parts = re.split(f"([{SUPERSCRIPTS}]+)", one_line(text))
    return "".join(_power(part) if index % 2 else part.translate(_LETTERS) for index, part in enumerate(parts))


def _power(superscripts: str) -> str:
    return f"$^{{{superscripts.translate(_FROM_SUPERSCRIPT)}}}$"


def for_markdown(text: object) -> str:
    """Return ``text`` for a cell of a Markdown table."""
    return re.sub(r"([\\`*_{}\[\]<>|#~$])", r"\\\1", one_line(text))


def for_csv(text: object) -> str:
    """Return ``text`` for a cell of a CSV file, which a spreadsheet takes for a formula unless told otherwise."""
    line = one_line(text)
    return f"'{line}" if line.startswith(_FORMULA) and not _NUMBER.fullmatch(line) else line


def for_figure(text: object, limit: int = 200) -> str:
    """Return ``text`` for Matplotlib: no mathematics, only characters that the figures' font has."""
    known = _font_characters()
    line = "".join(c if ord(c) in known else "?" for c in shorten(text, limit))
    return line.replace("$", r"\$")


@functools.cache
def _font_characters() -> frozenset[int]:
    from matplotlib.font_manager import findfont, get_font  # heavy, and the terminal has no need of it

    return frozenset(get_font(findfont("DejaVu Sans")).get_charmap())
