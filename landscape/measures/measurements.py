"""Several measurements of one minimum: a mapping, a table in a terminal and in a notebook, JSON."""

import html
import json
from collections.abc import Iterator, Mapping
from typing import Any

from landscape.measures.measurement import Measurement

HEADER = ("measure", "value", "error", "products", "examples")
UNCONVERGED = "!"


class Measurements(Mapping[str, Measurement]):
    """Measurements by the name of their measure; prints as a table, in a notebook too.

    ``dict(result)`` has a `Measurement` a name, ``result.to_dict()`` plain JSON types.

    Attributes:
        warnings: What to mind in these numbers, a sentence each with its fix; empty where there is nothing.
        notes: How the model, the loss and the data were understood, a sentence each.
        without_room: Measures that the memory given does not hold: a budget's doing, not the problem's.

    Args:
        by_name: The measurements in their order.
        warnings: See above.
        notes: See above.
        without_room: See above; a warning says so too.
    """

    def __init__(
        self,
        by_name: Mapping[str, Measurement],
        warnings: tuple[str, ...] = (),
        notes: tuple[str, ...] = (),
        without_room: tuple[str, ...] = (),
    ) -> None:
        self._by_name, self.without_room = dict(by_name), tuple(without_room)
        self.warnings = (*_no_room(without_room), *warnings)
        self.notes = tuple(notes)

    def __getitem__(self, name: str) -> Measurement:
        """Return the measurement of one measure."""
        return self._by_name[name]

    def __iter__(self) -> Iterator[str]:
        """Go through the names in the order asked for."""
        return iter(self._by_name)

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self._by_name)

    def to_dict(self) -> dict[str, dict[str, Any]]:
        """Return the fields of every measurement by name, as plain JSON types."""
        return {name: each.to_dict() for name, each in self.items()}

    def to_json(self) -> str:
        """Return one JSON object with ``measurements`` by name, ``warnings`` and ``notes``; it holds no NaN."""
        return json.dumps(
            {"measurements": self.to_dict(), "warnings": self.warnings, "notes": self.notes}, allow_nan=False
        )

    def __repr__(self) -> str:
        """Return a table, one line a measure; ``!`` marks what has not converged. Warnings stand below it."""
        rows = [HEADER, *self._rows()]
        widths = [max(len(row[column]) for row in rows) for column in range(len(HEADER))]
        lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
        return "\n".join([*lines, *(f"{UNCONVERGED} {sentence}" for sentence in self.warnings)])

    def _repr_html_(self) -> str:
        """Return the table for a notebook, with what each number cannot see."""
        head = "".join(f"<th>{cell}</th>" for cell in (*HEADER, "what it cannot see"))
        rows = [
            (*row, measured.caveat or measured.reason)
            for row, measured in zip(self._rows(), self.values(), strict=True)
        ]
        body = "".join(f"<tr>{''.join(f'<td>{html.escape(cell)}</td>' for cell in row)}</tr>" for row in rows)
        warnings = "".join(f"<li>{html.escape(sentence)}</li>" for sentence in self.warnings)
        return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>" + f"<ul>{warnings}</ul>" * bool(
            warnings
        )

    def _rows(self) -> list[tuple[str, ...]]:
        return [
            (
                name,
                _digits(each.value) + ("" if each.converged else f" {UNCONVERGED}"),
                _digits(each.error, 2),
                _cost(each),
                str(each.examples),
            )
            for name, each in self.items()
        ]


def _no_room(names: tuple[str, ...]) -> tuple[str, ...]:
    """Return that the memory given does not hold some measures; what each needs is in its reason."""
    if not names:
        return ()
    return (f"Memory does not suffice for {', '.join(names)}, which could not be had: the reason says what would do.",)


def _digits(value: float | None, digits: int = 5) -> str:
    return "-" if value is None else f"{value:.{digits}g}"


def _cost(measured: Measurement) -> str:
    """Return products with the operator, and passes where it took some beside them or instead."""
    parts = {"": measured.matvecs, " passes": measured.passes, " forward": measured.forward_passes}
    taken = [f"{count}{kind}" for kind, count in parts.items() if count]
    return " + ".join(taken) or ("nothing more" if measured.shared else "0")
