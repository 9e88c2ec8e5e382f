"""How many products were taken, on standard error: one line that changes on a terminal, a line a task elsewhere."""

import sys
import time
from typing import Self

import click

from landscape.cli.progress import Progress


class ProductsProgress:
    """A progress display; call it with (what is being done, units done, units at most or None)."""

    def __init__(self, unit: str = "products") -> None:
        self._unit = unit
        self._terminal = sys.stderr is not None and sys.stderr.isatty()
        self._what = ""
        self._done = 0
        self._start = 0.0
        self._bar = Progress()

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(self, *error: object) -> None:
        """End the line of the last task."""
        self._end()

    def __call__(self, what: str, done: int, most: int | None) -> None:
        """Show that ``done`` products are finished."""
        if what != self._what:
            self._end()
            self._what, self._start, self._bar = what, time.monotonic(), Progress()
        self._done = done
        if most is not None and done:
            self._bar(min(done, most), most, what)
        elif self._terminal:
            click.echo(f"\r{self._line():<79}", nl=False, err=True)

    def _line(self) -> str:
        products = f"{self._done} {self._unit}, " * bool(self._done)
        return f"{self._what}: {products}{time.monotonic() - self._start:.1f} s"

    def _end(self) -> None:
        if self._what:
            click.echo(f"{chr(13) if self._terminal else ''}{self._line():<79}".rstrip(" "), err=True)
