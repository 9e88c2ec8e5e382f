"""``file.py:attribute`` and ``package.module:attribute`` to the object they name."""

import importlib
import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

from landscape.errors import UsageError, suggest
from landscape.trust import is_trusted


def is_reference(name: str) -> bool:
    """Return whether ``name`` has the form ``file.py:attribute`` or ``package.module:attribute``."""
    place, colon, attribute = name.rpartition(":")
    module = place.endswith(".py") or all(part.isidentifier() for part in place.split("."))
    return bool(colon and module and attribute.isidentifier())


def load_reference(name: str) -> Any:
    """Return the object that ``file.py:attribute`` or ``package.module:attribute`` names.

    This runs the code of that file or module.

    Raises:
        UsageError: If the file, module or attribute does not exist, its code raises, or it may not run.
    """
    place, _, attribute = name.rpartition(":")
    if not is_reference(name):
        raise UsageError(f"{name!r} names no code. Give path/to/file.py:attribute or package.module:attribute.")
    if not is_trusted(name):
        raise UsageError(
            f"{name!r} is code, which a file names and your command line does not. It was not run. Code that a "
            f"study.toml names runs with --allow-code, if you trust it."
        )
    module = _load_module(place, attribute)
    try:
        return getattr(module, attribute)
    except AttributeError:
        known = [each for each in vars(module) if not each.startswith("_")]
        raise UsageError(f"{place} has no {attribute!r}.{suggest(attribute, known)}") from None


def _load_module(place: str, attribute: str) -> ModuleType:
    try:
        return _import_file(Path(place)) if place.endswith(".py") else importlib.import_module(place)
    except UsageError:
        raise
    except ModuleNotFoundError as error:
        file = Path(*place.split(".")).with_suffix(".py")
        # the program's own path leaves out the folder that it is called in, where a user's file usually lies
        meant = f" Did you mean '{file}:{attribute}'?" if error.name == place and file.is_file() else ""
        raise UsageError(f"Cannot import {place!r}: there is no module {error.name!r}.{meant}") from error
    except Exception as error:
        raise UsageError(f"{place} raised {type(error).__name__}: {error}") from error


def _import_file(path: Path) -> ModuleType:
    if not path.is_file():
        raise UsageError(f"There is no file {str(path)!r}. Give it as path/to/file.py:attribute.")
    name = f"_landscape_user_{path.stem}_{abs(hash(path.resolve()))}"
    if name in sys.modules:
        return sys.modules[name]
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise UsageError(f"{path} is not a Python file.")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    sys.path.insert(0, str(path.resolve().parent))
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    finally:
        sys.path.pop(0)
    return module
