"""What a tracked training has written so far, held against what this program writes."""

import dataclasses
from pathlib import Path
from typing import Any

from landscape import store
from landscape.errors import StorageError
from landscape.shapes import Misshapen, Shape, anything, number, optional, record, several, text, truth, whole
from landscape.tracking.follow import Followed
from landscape.tracking.row import Eigenvalue, TrackRow
from landscape.training.live_checkpoint import read_live
from landscape.training.run import Run

_maybe = optional(number)
_pair = record(dict.fromkeys(("value", "residual", "bound"), _maybe))
_BY_TYPE: dict[Any, Shape] = {
    **{int: whole, float: _maybe, float | None: _maybe, str: text, bool: truth},
    **{tuple[float, ...]: several(_maybe), tuple[Eigenvalue, ...]: several(_pair)},
}
_COLUMNS = record({each.name: _BY_TYPE.get(each.type, anything) for each in dataclasses.fields(TrackRow)})
_FOLLOWED = record(
    {"step": whole, "warm": record({}), **dict.fromkeys(("seconds_training", "seconds_measuring"), number)},
    {"bound": _maybe},
)


def _row(value: Any) -> None:
    _COLUMNS(value)
    if value["train_loss"] is None and not value["diverged"]:
        raise Misshapen("a number", ("train_loss",))


def read_tracked(rows: Path, state: Path, run: Run) -> tuple[list[dict[str, Any]], Followed]:
    """Return the rows that are written and how far the run is, put live.

    Raises:
        StorageError: If a file is damaged or none of ours.
    """
    found = store.read_rows(rows, _row)
    if not state.exists():
        return [], Followed()
    step, extra = read_live(state, run)
    try:
        whole(step)
        _FOLLOWED(extra)
        followed = Followed.from_dict(extra)
    except (Misshapen, TypeError) as error:
        raise StorageError(f"{state} is damaged ({error}). Delete it, and the run starts again.") from error
    # rows are written before the state: those from there on are measured again, and come out the same
    kept = [row for row in found if row["step"] < step]
    if not kept:
        raise StorageError(f"{rows} has no row of before step {step}. Delete {state}, and the run starts again.")
    return kept, followed
