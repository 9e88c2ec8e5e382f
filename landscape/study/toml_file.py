"""A study.toml from anywhere, read in time and memory of its size."""

import re
import tomllib
from pathlib import Path
from typing import Any

from landscape.errors import UsageError
from landscape.file_size import AS_VALUES, refuse_larger_than_memory
from landscape.plain_folder import OnlyRead
from landscape.shapes import LARGEST

_STRING_OR_COMMENT = re.compile(
    r'"""(?:\\.|[^\\])*?"""|\'\'\'.*?\'\'\'|"(?:\\.|[^"\\\n])*"|\'[^\'\n]*\'|#[^\n]*', re.DOTALL
)
_DEEP_KEY = re.compile(r"(?:[^.=,\[\]{}\n]*\.){16}")


def read_toml(path: Path) -> dict[str, Any]:
    """Return the keys of a study.toml; the folder of data that it names is only read.

    Raises:
        UsageError: If it cannot be read or is not TOML.
        StorageError: If it is larger than the memory.
    """
    try:
        refuse_larger_than_memory(path, AS_VALUES)
        text = path.read_text(encoding="utf-8")
        _refuse_deep_keys(text)
        found = tomllib.loads(text)
        _refuse_huge(found)
    except OSError as error:
        raise UsageError(f"Cannot read {path}: {error.strerror}.") from error
    except (ValueError, RecursionError, MemoryError) as error:
        raise UsageError(f"{path} is not TOML: {str(error) or type(error).__name__}.") from error
    place = found.get("data_dir")
    return {**found, "data_dir": OnlyRead(place)} if isinstance(place, str) else found


def _refuse_deep_keys(text: str) -> None:
    """Refuse keys like a.a.a.a: Python's parser takes the square of their number, in memory too."""
    if _DEEP_KEY.search(_STRING_OR_COMMENT.sub("s", text)):
        raise ValueError("it has a key of more than 16 parts")


def _refuse_huge(value: Any) -> None:
    """Refuse whole numbers of more than 64 bits, as TOML does."""
    if isinstance(value, int) and abs(value) > LARGEST:
        raise ValueError("it holds a number of more than 64 bits")
    for each in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        _refuse_huge(each)
