"""How far a study is: a bar on a terminal, a line every tenth elsewhere; always on standard error."""

import sys
import time

import click

WIDTH = 24


class Progress:
    """A progress display; call it with (done, total, what was done last)."""

    def __init__(self) -> None:
        self._start = time.monotonic()
        self._told = 0
        self._terminal = sys.stderr is not None and sys.stderr.isatty()

    def __call__(self, done: int, total: int, what: str) -> None:
        """Show that ``done`` of ``total`` tasks are finished."""
        if self._terminal:
            filled = WIDTH * done // total
            line = f"[{'#' * filled}{'.' * (WIDTH - filled)}] {done}/{total} {self._left(done, total)}  {what}"
            click.echo(f"\r{line[:79]:<79}", nl=done == total, err=True)
        elif done * 10 // total > self._told:
            self._told = done * 10 // total
            click.echo(f"{done}/{total} {self._left(done, total)} {what}", err=True)

    def _left(self, done: int, total: int) -> str:
        spent = time.monotonic() - self._start
        return f"{_clock(spent)}, {_clock(spent / done * (total - done))} left" if done < total else _clock(spent)


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
