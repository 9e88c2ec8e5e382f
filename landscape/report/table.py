"""A table before it is LaTeX, Markdown, HTML or terminal text."""

from dataclasses import dataclass

from landscape.report.symbols import Term

Cell = str | Term
Row = tuple[Cell, ...]


@dataclass(frozen=True)
class Table:
    """Cells of text with a header and a caption.

    Attributes:
        key: Its label in LaTeX and its anchor in HTML.
        caption: What it shows and how to read a cell.
        header: One text a column.
        rows: Cells, one for each column.
        names: How many of the first columns name the row.
        notes: Sentences below it.
    """

    key: str
    caption: str
    header: tuple[str, ...]
    rows: tuple[Row, ...]
    names: int = 1
    notes: tuple[str, ...] = ()
