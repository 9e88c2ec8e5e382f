"""Rounds of mutated inputs: each case has its seed, so that any range can be gone through again, or gone on with."""

import contextlib
import random
import tempfile
import time
import traceback
from dataclasses import dataclass
from pathlib import Path

from fuzz_guard import Forbidden, Hang, guarded, little_memory
from fuzz_readers import READERS

from landscape.errors import LandscapeError
from landscape.trust import only_code_of

RECORD = Path(__file__).parent / "record.json"
"""What was gone through by run.py."""


@dataclass(frozen=True)
class Round:
    """What came of a range of seeds.

    Attributes:
        cases: How many were gone through.
        refused: How many of them ended in one clear message; the others were read.
        seconds: Processor time.
        failures: By seed, what should not have happened.
    """

    cases: int
    refused: int
    seconds: float
    failures: dict[int, str]


def fuzz(reader: str, seeds: range) -> Round:
    """Return what came of feeding a reader with a mutated input for each seed."""
    failures, refused, start = {}, 0, time.process_time()
    # as a command in that folder which names no code
    with tempfile.TemporaryDirectory() as name, contextlib.chdir(name), only_code_of([]):
        read = READERS[reader](Path(name))
        with contextlib.suppress(LandscapeError):
            # one that does not count, so that all is imported before anything is watched
            read(random.Random(0))
        with little_memory():
            for seed in seeds:
                try:
                    with guarded(Path(name)):
                        read(random.Random(f"{reader} {seed}"))
                except LandscapeError as error:
                    refused += 1
                    if not str(error).strip() or "Traceback" in str(error):
                        failures[seed] = f"no clear message: {error}"
                except (Exception, Forbidden, Hang):
                    failures[seed] = traceback.format_exc()
    return Round(len(seeds), refused, time.process_time() - start, failures)
