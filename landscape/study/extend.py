"""A finished study that grows: more seeds, levels, optimizers or measures, with nothing computed twice."""

from collections.abc import Mapping
from typing import Any

from landscape import store
from landscape.errors import StorageError
from landscape.study import record
from landscape.study.cells import Cell, cells
from landscape.study.claims import Claims
from landscape.study.config import KEYS, StudyConfig, to_toml
from landscape.study.folder import RunFolder, is_trained, read_result, write_result
from landscape.study.keys import FACTORS
from landscape.study.option_levels import chosen, is_factor, level_word

HOW = ("population",)
"""Keys that say how runs are computed, not what they are: results are equal to rounding, so they may change."""

_FREE = ("resamples", "primary_measure", "primary_comparison")
"""Keys that change what is said of the runs, not the runs."""
_DRAWN = ("optimizer", "lr", "lr_factor", "optimizer_option", "model_option", *FACTORS)
_SETS = ("optimizer", "measures", "at_epoch", "average", *FACTORS)


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
    for task in tasks:
        # which runs train together may change: each call offers what it needs
        claims.withdraw(task)
    store.write_text(folder.study, to_toml(new))


def is_extension(old: StudyConfig, new: StudyConfig) -> bool:
    """Return whether a study has all the runs of another one, made the same way, and more."""
    if old.checkpoint or new.checkpoint or old.tune or new.tune:
        return all(getattr(old, key) == getattr(new, key) for key in KEYS if key not in ("data_dir", *_FREE))
    if min(old.fraction, new.fraction) < 1 and any(getattr(old, key) != getattr(new, key) for key in _DRAWN):
        # another product has another part
        return False
    if not all(_grows(key, getattr(old, key), getattr(new, key)) for key in KEYS if key != "data_dir"):
        return False
    # options that come to an optimizer or network that was there make its runs others
    return {_identity(old, cell) for cell in cells(old)} <= {_identity(new, cell) for cell in cells(new)}


def extend(folder: RunFolder, old: StudyConfig, new: StudyConfig) -> None:
    """Let a folder hold a study that extends its own; finished runs keep their files under their new names.

    A run is named after what varies, and its learning rate has a rank among those of its optimizer: both may change.
    Points of a training that were not asked for before are not there; runs that lack them are trained once more.
    Killed at any moment, the same call goes on: the new configuration is written last.

    Raises:
        StorageError: If runs are claimed.
    """
    if folder.claims.is_dir() and any(folder.claims.iterdir()):
        raise StorageError(
            f"The study in {folder.root} is running or was stopped. Finish it with its own settings, then extend it."
        )
    # the runs of checkpoints and of a search stay what they are
    fixed = bool(old.checkpoint or old.tune)
    grown = {} if fixed else {_identity(new, cell): cell for cell in cells(new)}
    for cell in () if fixed else cells(old):
        now = grown[_identity(old, cell)]
        if now == cell and old.stops == new.stops:
            continue
        if folder.run(cell.id).exists() and now.id != cell.id:
            folder.run(cell.id).rename(folder.run(now.id))
        if is_trained(folder, now.id):
            described = store.read_json(folder.config(now.id), record.CONFIG)
            store.write_json(folder.config(now.id), {**described, **now.to_dict()})
            # with the checksum of the file that was just written; results of earlier versions do not say what they have
            write_result(folder, now.id, {"sought": list(old.stops), **read_result(folder, now.id)})
    if not fixed:
        _rename_together(folder, {cell.id: grown[_identity(old, cell)].id for cell in cells(old)})
    store.write_text(folder.study, to_toml(new))


def _rename_together(folder: RunFolder, names: Mapping[str, str]) -> None:
    """Write the new names of runs that train together; a name that is new already stays."""
    if folder.together.exists():
        parts = store.read_json(folder.together, record.TOGETHER)
        store.write_json(folder.together, [[names.get(name, name) for name in part] for part in parts])


def _grows(key: str, old: Any, new: Any) -> bool:
    if old == new or key in (*_FREE, *HOW):
        return True
    if key in _SETS:
        return set(old) <= set(new)
    if key == "target_loss":
        # the first is the primary one: another would be another question
        return bool(old[0] == new[0]) and set(old) <= set(new)
    if key == "lr":
        return all(set(rates) <= set(new.get(name, ())) for name, rates in old.items())
    if key in ("optimizer_option", "model_option"):
        # options of an optimizer or network that joins; those for all were there before
        return all(name in new and _option_grows(each, new[name]) for name, each in old.items()) and all(
            name in old or isinstance(each, dict) for name, each in new.items()
        )
    return key == "seeds" and bool(new > old)


def _option_grows(old: Any, new: Any) -> bool:
    """Return whether an option, or the table of one owner, has the levels that it had, and maybe more."""
    if isinstance(old, dict) or isinstance(new, dict):
        both = isinstance(old, dict) and isinstance(new, dict) and old.keys() == new.keys()
        return both and all(_option_grows(each, new[name]) for name, each in old.items())
    known = new if is_factor(new) else (new,)
    return all(level in known for level in (old if is_factor(old) else (old,)))


def _identity(config: StudyConfig, cell: Cell) -> tuple[Any, ...]:
    """Return what makes a run the one that it is, whatever else there is in its study."""
    options = (
        chosen(config.model_option, cell.model, cell.model_option),
        chosen(config.optimizer_option, cell.optimizer, cell.optimizer_option),
    )
    # a list is the same level whether it is one of several or not
    told = repr([sorted((name, level_word(_frozen(each))) for name, each in table.items()) for table in options])
    return cell.optimizer, cell.lr, cell.seed, told, *(getattr(cell, name) for name in FACTORS)


def _frozen(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value
