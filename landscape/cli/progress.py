"""How far a study is: a bar on a terminal, a line every tenth elsewhere; always on standard error."""

import contextlib
import sys
import threading
import time
from collections.abc import Iterator

import click

WIDTH = 24

SECONDS_BETWEEN_LINES = 1.0
"""Lines of a task that is done in a moment are left out, but for the last."""

SECONDS_OF_SILENCE = 60.0
"""After which a line says that work goes on, where there is no terminal whose clock shows it."""


class Progress:
    """A progress display; call it with (done, total, what was done last).

    Args:
        silence: Seconds without a word after which ``waiting`` says that work goes on, elsewhere than on a terminal.
    """

    def __init__(self, silence: float = SECONDS_OF_SILENCE) -> None:
        self._start = time.monotonic()
        self._told = 0
        self._last = self._start
        self._terminal = sys.stderr is not None and sys.stderr.isatty()
        self._silence = 1.0 if self._terminal else silence
        self._now = (0, 0, "at work")
        self._lock = threading.Lock()
        self._drawn = False

    def __call__(self, done: int, total: int, what: str) -> None:
        """Show that ``done`` of ``total`` tasks are finished."""
        with self._lock:
            self._now = (done, total, what)
            if self._terminal:
                self._draw()
                return
            tenth = done * 10 // total
            if tenth > self._told and (done == total or time.monotonic() - self._last >= SECONDS_BETWEEN_LINES):
                self._told = tenth
                self._say(f"{done}/{total} {self._left(done, total)} {what}")

    @contextlib.contextmanager
    def waiting(self) -> Iterator[None]:
        """Say that work goes on while nothing is finished: by the clock of the bar, or by a line elsewhere."""
        over = threading.Event()
        watch = threading.Thread(target=self._watch, args=(over,), daemon=True)
        watch.start()
        try:
            yield
        finally:
            over.set()
            watch.join()
            self._clear()

    def tell(self, sentence: str) -> None:
        """Say a sentence on a line of its own; a bar stands below it from the next time that it is drawn."""
        with self._lock:
            self._clear()
            click.echo(sentence, err=True)

    def _clear(self) -> None:
        if self._drawn:
            click.echo(f"\r{'':<79}\r", nl=False, err=True)
        self._drawn = False

    def _watch(self, over: threading.Event) -> None:
        while not over.wait(self._silence / 10):
            with self._lock:
                done, total, _ = self._now
                if total and done == total:
                    continue
                if time.monotonic() - self._last < self._silence:
                    continue
                if self._terminal:
                    self._draw()
                else:
                    self._say(f"{f'{done}/{total} ' * bool(total)}{_clock(time.monotonic() - self._start)} at work")

    def _draw(self) -> None:
        self._last = time.monotonic()
        done, total, what = self._now
        filled = WIDTH * done // max(total, 1)
        count = f"{done}/{total} " * bool(total)
        line = f"[{'#' * filled}{'.' * (WIDTH - filled)}] {count}{self._left(done, total)}  {what}"
        finished = 0 < total == done
        click.echo(f"\r{line[:79]:<79}", nl=finished, err=True)
        self._drawn = not finished

    def _say(self, line: str) -> None:
        self._last = time.monotonic()
        click.echo(line, err=True)

    def _left(self, done: int, total: int) -> str:
        spent = time.monotonic() - self._start
        return f"{_clock(spent)}, {_clock(spent / done * (total - done))} left" if 0 < done < total else _clock(spent)


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
