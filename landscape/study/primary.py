"""The one question of a study that is named before anything runs, and whether it was; without torch."""

from typing import Any

from landscape import store
from landscape.study.config import StudyConfig
from landscape.study.folder import RunFolder

BEFORE, AFTER = "before", "after"


def write_primary(folder: RunFolder, config: StudyConfig) -> None:
    """Write down the primary question of a study, and whether any of its runs was there when it was named.

    What was once named after the runs, or changed after them, stays so.
    """
    asked, kept = question(config), _kept(folder)
    if asked is None and kept is None:
        return
    if kept is None or kept["question"] != asked:
        late = any(folder.root.glob("runs/*/*")) or (kept is not None and kept["named"] == AFTER)
        store.write_json(folder.primary, {"question": asked, "named": AFTER if late else BEFORE})


def read_primary(folder: RunFolder, config: StudyConfig) -> dict[str, Any] | None:
    """Return the primary question of a study with when it was ``named``, or None where it has none.

    One that is not the one that was written down, because study.toml was changed by hand, counts as named after.
    """
    asked, kept = question(config), _kept(folder)
    if asked is None:
        return None
    before = kept is not None and kept["question"] == asked and kept["named"] == BEFORE
    return {**asked, "named": BEFORE if before else AFTER}


def question(config: StudyConfig) -> dict[str, Any] | None:
    """Return the measure, the optimizers and the level of a primary question as plain JSON types, or None."""
    if config.primary is None:
        return None
    measure, numerator, denominator = config.primary
    return {"measure": measure, "numerator": numerator, "denominator": denominator, "level": config.primary_loss}


def _kept(folder: RunFolder) -> dict[str, Any] | None:
    if not folder.primary.exists():
        return None
    found = store.read_json(folder.primary)
    sound = isinstance(found, dict) and found.keys() == {"question", "named"}
    # what cannot be read cannot have been named before
    return found if sound else {"question": None, "named": AFTER}
