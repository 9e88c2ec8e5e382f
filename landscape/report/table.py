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


def column_blocks(widths: list[int], names: int, width: int) -> list[list[int]]:
    """Return the columns of each block such that every block is at most ``width`` wide, each with the names in front.

    Args:
        widths: Characters of each column; two more part it from the next.
        names: How many of the first columns name the row.
        width: Characters of a block.
    """
    room = width - sum(each + 2 for each in widths[:names])
    blocks: list[list[int]] = []
    left = 0
    for i in range(names, len(widths)):
        if not blocks or left < widths[i]:
            blocks.append(list(range(names)))
            left = room
        blocks[-1].append(i)
        left -= widths[i] + 2
    return blocks
