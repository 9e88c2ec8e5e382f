"""A polite kill ends the work wherever it falls."""

import os
import signal
import time
import weakref

import pytest

from landscape.cli.gentle_stop import gentle_stop


class Thing:
    pass


@pytest.fixture(autouse=True)
def handlers():
    before = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, before)


def kill(*_):
    os.kill(os.getpid(), signal.SIGTERM)
    for _ in range(1000):  # the handler runs between two instructions
        pass


def test_a_kill_is_an_interrupt():
    with pytest.raises(KeyboardInterrupt), gentle_stop():
        kill()


def test_a_kill_within_a_weakref_callback_is_not_lost():
    """Python drops what is raised there."""
    thing = Thing()
    kept = weakref.ref(thing, kill)

    def work():
        nonlocal thing
        with gentle_stop():
            thing = None
            assert kept() is None, "dropped here, the interrupt comes later"
            time.sleep(5)

    with pytest.raises(KeyboardInterrupt):
        work()


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_what_else_is_dropped_is_told_as_before(monkeypatch):
    told = []
    monkeypatch.setattr("sys.unraisablehook", told.append)

    def fail(_):
        raise ValueError("in a callback")

    thing = Thing()
    kept = weakref.ref(thing, fail)
    with gentle_stop():
        del thing
    assert kept() is None
    assert [each.exc_type for each in told] == [ValueError]
