"""A finished study that grows: more seeds, levels, optimizers or measures, with nothing computed twice."""

from collections.abc import Mapping
from typing import Any

from landscape import store
from landscape.errors import StorageError
from landscape.study.cells import FACTORS, Cell, cells
from landscape.study.claims import Claims
from landscape.study.config import KEYS, StudyConfig, to_toml
from landscape.study.folder import RunFolder, is_trained, read_result, write_result

HOW = ("population",)
"""Keys that say how runs are computed, not what they are: results are equal to rounding, so they may change."""

_SETS = ("optimizer", "measures", *FACTORS)


def differs_in_how_only(old: StudyConfig, new: StudyConfig) -> bool:
    """Return whether two studies are the same one, computed in another way."""
    changed = {key for key in KEYS if key != "data_dir" and getattr(old, key) != getattr(new, key)}
    return bool(changed) and changed <= set(HOW)


def change_how(folder: RunFolder, new: StudyConfig) -> None:
    """Let a folder's study go on in another way: runs that are done stay, and each says how it was trained.

    Raises:
        StorageError: If another process works on it.
    """
    claims = Claims(folder.claims)
    tasks = [path.name.partition("@")[0] for path in folder.claims.iterdir()] if folder.claims.is_dir() else []
    if not all(claims.is_free(task) for task in tasks):
        raise StorageError(
            f"Another process is working in {folder.root}, with other settings for {', '.join(HOW)}. "
            f"Stop it or wait for it, then run the same command again."
        )
    store.write_text(folder.study, to_toml(new))


def is_extension(old: StudyConfig, new: StudyConfig) -> bool:
    """Return whether a study has all the runs of another one, made the same way, and more."""
    if old.checkpoint or new.checkpoint or old.tune or new.tune:
        return False
    return all(_grows(key, getattr(old, key), getattr(new, key)) for key in KEYS if key != "data_dir")


def extend(folder: RunFolder, old: StudyConfig, new: StudyConfig) -> None:
    """Let a folder hold a study that extends its own; finished runs keep their files under their new names.

    A run is named after what varies, and its learning rate has a rank among those of its optimizer: both may change.
    Killed at any moment, the same call goes on: the new configuration is written last.

    Raises:
        StorageError: If runs are claimed.
    """
    if folder.claims.is_dir() and any(folder.claims.iterdir()):
        raise StorageError(
            f"The study in {folder.root} is running or was stopped. Finish it with its own settings, then extend it."
        )
    grown = {_identity(cell): cell for cell in cells(new)}
    for cell in cells(old):
        now = grown[_identity(cell)]
        if now == cell:
            continue
        if folder.run(cell.id).exists() and now.id != cell.id:
            folder.run(cell.id).rename(folder.run(now.id))
        if is_trained(folder, now.id):
            described = store.read_json(folder.config(now.id))
            store.write_json(folder.config(now.id), {**described, **now.to_dict()})
            # with the checksum of the file that was just written
            write_result(folder, now.id, read_result(folder, now.id))
    _rename_together(folder, {cell.id: grown[_identity(cell)].id for cell in cells(old)})
    store.write_text(folder.study, to_toml(new))


def _rename_together(folder: RunFolder, names: Mapping[str, str]) -> None:
    """Write the new names of runs that train together; a name that is new already stays."""
    if folder.together.exists():
        parts = store.read_json(folder.together)
        store.write_json(folder.together, [[names.get(name, name) for name in part] for part in parts])


def _grows(key: str, old: Any, new: Any) -> bool:
    if old == new or key in ("resamples", *HOW):
        return True
    if key in _SETS:
        return set(old) <= set(new)
    if key == "lr":
        return all(set(rates) <= set(new.get(name, ())) for name, rates in old.items())
    if key == "optimizer_option":
        # options of an optimizer that joins; those for all were there before
        return all(new.get(name) == each for name, each in old.items()) and all(
            name in old or isinstance(each, dict) for name, each in new.items()
        )
    return key == "seeds" and bool(new > old)


def _identity(cell: Cell) -> tuple[Any, ...]:
    return cell.optimizer, cell.lr, cell.seed, *(getattr(cell, name) for name in FACTORS)
