r"""The LaTeX symbol of a measure, checked, for LaTeX itself, for Matplotlib and as HTML."""

import re
import textwrap
from dataclasses import dataclass

from landscape.report.escape import GREEK, for_figure, for_html, for_latex, for_markdown, one_line, shorten

_COMMANDS = {
    **GREEK,
    "max": "max",
    "min": "min",
    "log": "log ",
    "det": "det ",
    "sqrt": "√",
    "cdot": "·",
    "ell": "ℓ",
    "top": "⊤",
    "dagger": "†",
    "infty": "∞",
    "circ": "∘",
    "langle": "⟨",
    "rangle": "⟩",
    "|": "‖",
    "Vert": "‖",
    "mid": "|",
    "lVert": "‖",
    "rVert": "‖",
    "sum": "∑",
    "prod": "∏",
    "left": "",
    "right": "",
    ",": " ",
    ";": " ",
    "!": "",
    "operatorname": "",
    "mathrm": "",
    "mathbf": "",
    "mathcal": "",
    "hat": "",
    "bar": "",
    "tilde": "",
}
_UPRIGHT = {"operatorname", "mathrm"}
# amsmath's names in the words of plain LaTeX, so that a table needs booktabs only.
_PLAIN_LATEX = {r"\operatorname": r"\mathrm", r"\lVert": r"\|", r"\rVert": r"\|"}
_TOKEN = re.compile(r"\\([A-Za-z]+|[,;!|])|([A-Za-z]|[0-9.]+|[-+*/=|()\[\]:', ]|[{}_^])")


@dataclass(frozen=True)
class Term:
    """A measure's name in a table: its label, and its symbol where that can be trusted."""

    label: str
    symbol: str

    def __str__(self) -> str:
        return one_line(self.label)


def term_for_html(term: Term) -> str:
    """Return the label, followed by its symbol, as HTML."""
    symbol = symbol_as_html(term.symbol)
    return for_html(term.label) + (f' <span class="symbol">{symbol}</span>' if symbol else "")


def term_for_latex(term: Term) -> str:
    """Return the label, followed by its symbol, as LaTeX; a symbol with unknown commands is left out."""
    if not symbol_as_html(term.symbol):
        return for_latex(term.label)
    symbol = term.symbol
    for name, replacement in _PLAIN_LATEX.items():
        symbol = symbol.replace(name, replacement)
    return f"{for_latex(term.label)}, ${symbol}$"


def term_for_markdown(term: Term) -> str:
    """Return the label for Markdown, which has no common notation for symbols."""
    return for_markdown(term.label)


def term_for_figure(term: Term, width: int = 40) -> str:
    """Return the label and its symbol as Matplotlib text of at most two lines of about ``width`` characters."""
    label = one_line(term.label)
    drawn = re.sub("<[^>]*>", "", symbol_as_html(term.symbol))
    if drawn and not _drawable(term.symbol):
        drawn = ""
    symbol = f"${term.symbol}$" if drawn else ""
    if len(label) + len(drawn) + 2 <= width:
        return f"{for_figure(label)}  {symbol}".rstrip()
    if symbol and len(label) <= width:
        return f"{for_figure(label)}\n{symbol}"
    lines = textwrap.wrap(label, width)
    if len(lines) > 2:
        lines = [lines[0], shorten(" ".join(lines[1:]), width)]
    if symbol and len(lines[-1]) + len(drawn) + 2 > width:
        symbol = ""
    return "\n".join(for_figure(line) for line in lines) + (f"  {symbol}" if symbol else "")


def symbol_as_html(symbol: str) -> str:
    r"""Return a LaTeX symbol as HTML, or "" when it holds anything but a few harmless commands.

    Example:
        >>> symbol_as_html(r"\lambda_{1}")
        '<i>λ</i><sub>1</sub>'
    """
    tokens: list[str] = []
    position = 0
    while position < len(symbol):
        match = _TOKEN.match(symbol, position)
        if match is None or (match[1] and match[1] not in _COMMANDS):
            return ""
        tokens.append(match[0])
        position = match.end()
    text, rest = _sequence(tokens, until_brace=False)
    return "" if rest or text is None else text.strip()


def _sequence(tokens: list[str], until_brace: bool) -> tuple[str | None, list[str]]:
    """Return the HTML of tokens up to the closing brace (or the end) and the tokens after it; None if unbalanced."""
    parts: list[str] = []
    while tokens:
        if tokens[0] == "}":
            return ("".join(parts), tokens[1:]) if until_brace else (None, tokens)
        text, tokens = _item(tokens)
        if text is None:
            return None, tokens
        parts.append(text)
    return (None if until_brace else "".join(parts)), tokens


def _item(tokens: list[str]) -> tuple[str | None, list[str]]:
    """Return the HTML of the first token with its argument, and the tokens after it."""
    token, rest = tokens[0], tokens[1:]
    if token == "{":
        return _sequence(rest, until_brace=True)
    if token in {"_", "^"}:
        if not rest or rest[0] in {"_", "^", "}"}:
            return None, rest
        text, rest = _item(rest)
        tag = "sub" if token == "_" else "sup"
        return (None if text is None else f"<{tag}>{text}</{tag}>"), rest
    if token[0] == "\\" and token[1:] in _UPRIGHT:
        text, rest = _item(rest) if rest else (None, rest)
        return (None if text is None else re.sub("</?i>", "", text) + " "), rest
    text = _COMMANDS[token[1:]] if token[0] == "\\" else token
    return (f"<i>{text}</i>" if len(text) == 1 and text.isalpha() else text.replace("-", "−")), rest


def _drawable(symbol: str) -> bool:
    """Return whether Matplotlib's own small TeX can set ``symbol``."""
    from matplotlib.mathtext import MathTextParser  # heavy, and the terminal has no need of it

    try:
        MathTextParser("path").parse(f"${symbol}$")
    except ValueError:
        return False
    return True
