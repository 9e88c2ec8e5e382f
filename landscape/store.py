"""The run folder: read, append, resume. A file is there whole or not at all."""

import contextlib
import hashlib
import io
import json
import math
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from landscape.array_size import refuse_other_sizes
from landscape.atomic_write import write_atomically
from landscape.errors import StorageError
from landscape.file_size import AS_VALUES, refuse_larger_than_memory
from landscape.shapes import LARGEST, Misshapen, Shape, anything

_SEAL = "seal"
_PLAIN = frozenset({str, int, bool, type(None)})


def _refuse(constant: str) -> None:
    raise ValueError(f"it holds {constant}")


def _refuse_infinite(digits: str) -> float:
    """Return a number, and refuse what is too large for one."""
    found = float(digits)
    if math.isinf(found):
        raise ValueError(f"it holds the number {digits[:20]}")
    return found


def _refuse_huge(digits: str) -> int:
    """Return a whole number of at most 64 bits."""
    if len(digits) > _MOST_DIGITS or abs(int(digits)) > LARGEST:
        raise ValueError(f"it holds the number {digits[:20]}")
    return int(digits)


_TOO_LARGE = ValueError("it takes more memory than there is")
_MOST_DIGITS = 20
# a number follows one of these and ends at one of those: digits of a fraction and letters of a checksum do not count
_MANY_DIGITS = re.compile(r"[ :,\[\t\r\n-]\d{19}")
_LARGE_EXPONENT = re.compile(r"[eE]\+?\d{3,}[ ,\]}\t\r\n]")
_PLAIN_JSON = json.JSONDecoder(parse_constant=_refuse)
_CAREFUL_JSON = json.JSONDecoder(parse_constant=_refuse, parse_float=_refuse_infinite, parse_int=_refuse_huge)
_IN_ORDER = json.JSONEncoder(sort_keys=True)


def write_text(path: Path, text: str) -> None:
    """Write ``text`` as UTF-8, whole or not at all."""
    write_atomically(path, text.encode())


def write_json(path: Path, value: Any) -> None:
    """Write ``value`` as indented JSON; NaN and infinity become null."""
    write_text(path, json.dumps(finite(value), indent=1, allow_nan=False) + "\n")


def shallow_json(value: Any, depth: int = 2) -> str:
    """Return plain JSON types as JSON with a line for each entry of the first levels, and what lies deeper on it.

    It is read by line and written ten times as fast as an indented one, which matters with ten thousand runs.

    Example:
        >>> print(shallow_json({"runs": [{"id": 1}, {"id": 2}]}))
        {
        "runs": [
        {"id": 1},
        {"id": 2}
        ]
        }
    """
    if depth == 0 or not value or not isinstance(value, dict | list):
        return json.dumps(value, allow_nan=False)
    if isinstance(value, dict):
        entries = [f"{json.dumps(key)}: {shallow_json(each, depth - 1)}" for key, each in value.items()]
        return "{\n" + ",\n".join(entries) + "\n}"
    return "[\n" + ",\n".join(shallow_json(each, depth - 1) for each in value) + "\n]"


def read_json(path: Path, shape: Shape = anything) -> Any:
    """Return the value in a JSON file.

    Args:
        path: The file.
        shape: What the value has to look like.

    Raises:
        StorageError: If the file cannot be read, is not JSON, or its value looks otherwise.
    """
    try:
        value = _decoded(_text(path))
    except OSError as error:
        raise StorageError(f"Cannot read {path}: {error.strerror}.") from error
    except ValueError as error:
        raise StorageError(f"{path} is not JSON ({error}). Delete it, and it is computed again.") from error
    return shaped(path, value, shape)


def shaped(path: Path, value: Any, shape: Shape) -> Any:
    """Return a value out of a file that has some shape.

    Raises:
        StorageError: If it has another; says where.
    """
    _look(path, [value], shape)
    return value


def _look(path: Path, values: Iterable[Any], shape: Shape) -> None:
    try:
        for value in values:
            shape(value)
    except Misshapen as error:
        raise StorageError(f"{path} is damaged: {error}. Delete it, and it is computed again.") from error


def _text(path: Path) -> str:
    """Return what a small file holds, without a buffer between: half of the time of thousands of them."""
    refuse_larger_than_memory(path, AS_VALUES)
    with open(path, "rb", buffering=0) as file:
        try:
            return file.read().decode()
        except MemoryError:
            raise _TOO_LARGE from None


def _decoded(text: str) -> Any:
    """Return the value in a JSON text, whose numbers are finite and whole ones have at most 64 bits."""
    # only where a number may be huge: a function for each takes five times as long
    huge = _LARGE_EXPONENT.search(text) or _MANY_DIGITS.search(text)
    decoder = _CAREFUL_JSON if huge else _PLAIN_JSON
    try:
        return decoder.decode(text)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    except MemoryError:
        raise _TOO_LARGE from None


def sealed(value: Mapping[str, Any]) -> dict[str, Any]:
    """Return an object as plain JSON types with its own checksum among them, which `unsealed` looks at."""
    plain: dict[str, Any] = finite(value)
    return {**plain, _SEAL: _checksum(plain)}


def unsealed(path: Path, value: Mapping[str, Any]) -> dict[str, Any]:
    """Return a sealed object without its checksum; one without is returned as it is.

    Raises:
        StorageError: If it is not what was sealed: a bit flipped, or somebody changed it by hand.
    """
    if _SEAL not in value:
        return dict(value)
    plain = dict(value)
    if plain.pop(_SEAL) != _checksum(plain):
        raise StorageError(
            f"{path} is damaged: its checksum does not fit. Run `landscape analyze` again, and it is computed again."
        )
    return plain


def _checksum(value: Mapping[str, Any]) -> str:
    return hashlib.blake2b(_IN_ORDER.encode(value).encode(), digest_size=8).hexdigest()


def write_rows(path: Path, rows: Iterable[Mapping[str, Any]]) -> None:
    """Write rows as JSON lines, whole or not at all."""
    write_text(path, "".join(json.dumps(finite(dict(row)), allow_nan=False) + "\n" for row in rows))


def read_rows(path: Path, *shapes: Shape) -> list[dict[str, Any]]:
    """Return the rows of a JSON-lines file; an absent file has none.

    Args:
        path: The file.
        *shapes: What each row has to look like.

    Raises:
        StorageError: If the file cannot be read, a line is not a JSON object, or a row looks otherwise.
    """
    try:
        lines = _text(path).splitlines()
    except FileNotFoundError:
        return []
    except (OSError, ValueError) as error:
        raise StorageError(f"Cannot read {path}: {error}.") from error
    rows = [unsealed(path, row) for row in _parsed(path, lines)]
    for shape in shapes:
        _look(path, rows, shape)
    return rows


def _parsed(path: Path, lines: list[str]) -> list[dict[str, Any]]:
    """The objects of some lines, all at once: with ten thousand runs line by line takes three times as long."""
    rows: list[dict[str, Any]] = []
    with contextlib.suppress(ValueError):
        rows = _decoded(f"[{','.join(lines)}]")
    if len(rows) == len(lines) and all(type(row) is dict for row in rows):
        return rows
    return [_row(path, number, line) for number, line in enumerate(lines, start=1)]


def _row(path: Path, number: int, line: str) -> dict[str, Any]:
    try:
        row = _decoded(line)
    except ValueError:
        row = None
    if not isinstance(row, dict):
        raise StorageError(f"Line {number} of {path} is not a JSON object. Delete the file to compute it again.")
    return row


def append_row(path: Path, row: Mapping[str, Any], *, seal: bool = False) -> None:
    """Add one row to a JSON-lines file; a kill at any moment leaves the rows that were there.

    Args:
        path: The file.
        row: What is added.
        seal: Whether each row carries its own checksum, so that damage to it is noticed.
    """
    rows = [*read_rows(path), row]
    write_rows(path, map(sealed, rows) if seal else rows)


def sound_rows(path: Path) -> tuple[list[dict[str, Any]], int]:
    """Return those rows of a JSON-lines file that are what was written, and how many are not."""
    try:
        refuse_larger_than_memory(path, AS_VALUES)
        lines = path.read_bytes().splitlines()
    except FileNotFoundError:
        return [], 0
    sound = []
    for number, line in enumerate(lines, start=1):
        try:
            sound.append(unsealed(path, _row(path, number, line.decode())))
        except (StorageError, ValueError):
            continue
    return sound, len(lines) - len(sound)


def write_arrays(path: Path, arrays: Mapping[str, np.ndarray[Any, Any]]) -> None:
    """Write named arrays as a compressed ``.npz``, whole or not at all."""
    buffer = io.BytesIO()
    np.savez_compressed(buffer, allow_pickle=False, **arrays)
    write_atomically(path, buffer.getvalue())


def read_arrays(path: Path) -> dict[str, np.ndarray[Any, Any]]:
    """Return the named arrays of a ``.npz`` file; pickled objects are refused.

    Raises:
        StorageError: If the file cannot be read.
    """
    try:
        with path.open("rb") as handle, np.load(handle, allow_pickle=False) as file:
            refuse_other_sizes(file.zip)
            return {name: file[name] for name in file.files}
    except Exception as error:
        # a damaged archive raises nearly anything: OSError, ValueError, KeyError, zlib.error, MemoryError, ...
        raise StorageError(f"Cannot read {path}: {error}. Delete it, and it is computed again.") from error


def finite(value: Any) -> Any:
    """Return ``value`` made of plain JSON types, with NaN and infinities as None."""
    # exact types first, most of a report being these: three million numbers with ten thousand runs
    kind = type(value)
    if kind in _PLAIN:
        return value
    if kind is float:
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(key): finite(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [finite(each) for each in value]
    if isinstance(value, np.ndarray):
        return finite(value.tolist())
    if isinstance(value, np.generic):
        return finite(value.item())
    return str(value) if isinstance(value, Path) else value
