"""A polite kill is as gentle as Ctrl-C."""

import contextlib
import os
import signal
import sys
import threading
from collections.abc import Iterator
from typing import Any

_AGAIN_SECONDS = 0.05


@contextlib.contextmanager
def gentle_stop() -> Iterator[None]:
    """While entered, SIGTERM raises KeyboardInterrupt, and again where Python drops it.

    An exception in a weakref callback or a finalizer goes to ``sys.unraisablehook`` and nowhere else; a process that
    was told to end would work on.
    """
    before = sys.unraisablehook

    def hook(dropped: Any) -> None:
        if issubclass(dropped.exc_type, KeyboardInterrupt):
            # later: here it would be dropped too
            threading.Timer(_AGAIN_SECONDS, os.kill, (os.getpid(), signal.SIGTERM)).start()
        else:
            before(dropped)

    signal.signal(signal.SIGTERM, signal.default_int_handler)
    sys.unraisablehook = hook
    try:
        yield
    finally:
        sys.unraisablehook = before
