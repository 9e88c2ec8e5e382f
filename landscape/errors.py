"""What a user reads when something is wrong, and the exit code that goes with it."""

import difflib
from collections.abc import Iterable

EXIT_UNCONVERGED = 5
"""Exit code under ``--strict`` when a number did not converge. Not converging is a field, not an error."""


class LandscapeError(Exception):
    """Something that the user can mend; its message says what, what was found, and what to type next."""

    exit_code = 1


class UsageError(LandscapeError):
    """A flag, a configuration key or a name that cannot be used."""

    exit_code = 2


class ProblemError(LandscapeError):
    """A model, loss or data set that cannot be measured."""

    exit_code = 3


class AsymmetryError(ProblemError):
    """An operator whose products are not those of a symmetric matrix: they are wrong, or rounding is all of them."""


class StorageError(LandscapeError):
    """A file or folder that cannot be read or written."""

    exit_code = 4


def suggest(name: str, known: Iterable[str]) -> str:
    """Return " Did you mean ...?" with the nearest known name, or "" when nothing is near."""
    near = difflib.get_close_matches(name, list(known), n=1, cutoff=0.5)
    return f" Did you mean {near[0]!r}?" if near else ""
