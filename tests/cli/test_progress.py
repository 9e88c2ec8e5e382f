"""What a progress display says, and that it is not silent for long."""

import contextlib
import io
import re
import time

from landscape.cli.progress import Progress


class _Terminal(io.StringIO):
    def isatty(self):
        return True


def test_what_is_done_in_a_moment_is_one_line(capsys):
    progress = Progress()
    for done in range(1, 26):
        progress(done, 25, "points")
    assert capsys.readouterr().err == "25/25 0:00 points\n"


def test_a_line_every_tenth_where_there_is_no_terminal(capsys, monkeypatch):
    clock = iter(range(0, 10000, 2))
    monkeypatch.setattr(time, "monotonic", lambda: next(clock))
    progress = Progress()
    for done in range(1, 41):
        progress(done, 40, "runs")
    lines = capsys.readouterr().err.splitlines()
    assert [line.split()[0] for line in lines] == [f"{4 * tenth}/40" for tenth in range(1, 11)]


def test_work_that_goes_on_for_long_is_said(capsys):
    progress = Progress(silence=0.05)
    with progress.waiting():
        time.sleep(0.3)
        progress(1, 4, "first")
        time.sleep(0.3)
    lines = capsys.readouterr().err.splitlines()
    assert re.fullmatch(r"0:0\d at work", lines[0])
    assert re.fullmatch(r"1/4 0:0\d at work", lines[-1])


def test_nothing_is_said_of_work_that_is_done_or_over(capsys):
    progress = Progress(silence=0.05)
    with progress.waiting():
        progress(2, 2, "all")
        time.sleep(0.2)
    time.sleep(0.2)
    assert capsys.readouterr().err == "2/2 0:00 all\n"


def test_a_sentence_has_a_line_of_its_own_and_the_bar_stands_below():
    with contextlib.redirect_stderr(_Terminal()) as shown:
        progress = Progress()
        progress(1, 2, "first")
        progress.tell("A sentence.")
        progress(2, 2, "second")
    lines = [line.rsplit("\r", 1)[-1].rstrip() for line in shown.getvalue().split("\n")]
    assert lines == ["A sentence.", f"[{'#' * 24}] 2/2 0:00  second", ""]


def test_the_clock_of_a_bar_moves():
    with contextlib.redirect_stderr(_Terminal()) as shown, Progress().waiting():
        time.sleep(1.3)
    assert f"[{'.' * 24}] 0:01  at work" in shown.getvalue()


def test_a_bar_that_was_not_finished_is_wiped_away():
    with contextlib.redirect_stderr(_Terminal()) as shown:
        progress = Progress()
        with progress.waiting():
            progress(1, 2, "first")
    assert shown.getvalue().endswith(f"\r{'':<79}\r")
