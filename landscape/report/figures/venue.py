"""How wide a venue's text is and how large its letters: what figures are drawn for with ``--style``."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Venue:
    r"""The text that a figure stands in.

    Attributes:
        width: Of the text, in inches; where it has two columns, of both.
        size: Of a figure's letters, in points: what LaTeX's ``\small`` is beside the text.
        family: Letters, with those that stand in for what they lack.
        mathematics: Matplotlib's name for the letters of formulas.
    """

    width: float
    size: float
    family: tuple[str, ...] = ("STIXGeneral", "DejaVu Sans")
    mathematics: str = "stix"


HOUSE = Venue(7.2, 8.0, ("DejaVu Sans",), "dejavusans")
"""Figures for the screen and for any paper."""

VENUES = {
    "neurips": Venue(5.5, 9.0),
    "icml": Venue(6.75, 9.0),
    "iclr": Venue(5.5, 9.0),
    "jmlr": Venue(6.0, 10.0),
}
"""As in the authors' instructions and style files: NeurIPS (``neurips_2025.sty``) and ICLR
(``iclr2025_conference.sty``) 5.5 inches wide, 10 point; ICML (``icml2025.sty``) two columns of 3.25 inches, 6.75 with
the gap, 10 point; JMLR (``jmlr2e.sty``) 6 inches, 11 point. The first three set Times, whose shapes STIX has."""
