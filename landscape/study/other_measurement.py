"""A folder's measurement of other settings, which a new one must not overwrite."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from landscape.errors import StorageError, UsageError
from landscape.store import finite, read_json

SPEED = ("memory", "product")
"""What is asked for that changes no number."""
_NAMED = 3
_NUMBERS = ("hessian.json", "sharpness.json", "audit.json", "surface.json", "track.json", "report.json")
"""What the commands write beside their report.html; of two in one folder the later report would replace the other."""


def refuse_other_measurement(folder: Path, name: str, new: dict[str, Any]) -> None:
    """Refuse a folder whose file of that name is of other settings; the same ones may be measured again.

    Args:
        folder: Where the numbers are to go.
        name: The file of the numbers, such as ``hessian.json``.
        new: ``settings`` of the minimum, what is ``asked`` of it, and other entries of such a file.

    Raises:
        UsageError: If another measurement is there; says what differs. Or if the folder is another command's.
    """
    refuse_other_command(folder, name)
    path = folder / name
    if not path.exists():
        return
    try:
        old = read_json(path)
    except StorageError:
        old = None
    if not isinstance(old, dict) or any(not isinstance(old.get(part), type(new[part])) for part in new):
        raise UsageError(f"{path} is there already and cannot be read. Choose another folder with --out.")
    found = _differences(_flat(old, new), _flat(finite(new), new))
    if found:
        more = f" and {len(found) - _NAMED} more" if len(found) > _NAMED else ""
        raise UsageError(
            f"{folder} holds another measurement: {', '.join(found[:_NAMED])}{more}. Choose another folder with --out."
        )


def refuse_other_command(folder: Path, name: str) -> None:
    """Refuse a folder that holds the numbers of another command than the one that writes a file of that name.

    Raises:
        UsageError: If it does; says which file.
    """
    others = [other for other in _NUMBERS if other != name and (folder / other).exists()]
    if others:
        raise UsageError(f"{folder} holds {others[0]}, of another command. Choose another folder with --out.")


def _flat(values: dict[str, Any], parts: Iterable[str]) -> dict[str, Any]:
    """Return the entries named ``parts``, with those of a dict in place of it."""
    each = (values[part] if isinstance(values[part], dict) else {part: values[part]} for part in parts)
    return {name: value for part in each for name, value in part.items()}


def _differences(old: dict[str, Any], new: dict[str, Any]) -> list[str]:
    """Return "name is ... there and ... here" for each value that is not the same."""
    names = [name for name in {**old, **new} if name not in SPEED and old.get(name) != new.get(name)]
    return [f"{name} is {_shown(old.get(name))} there and {_shown(new.get(name))} here" for name in names]


def _shown(value: Any) -> str:
    if value is None:
        return "not given"
    return ("off", "on")[value] if isinstance(value, bool) else str(value)
