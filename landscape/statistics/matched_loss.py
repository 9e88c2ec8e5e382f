"""Whether minima may be compared at all: curvature follows the training loss, so the losses must match."""

from collections.abc import Sequence

from landscape.statistics.generalization_gap import finite
from landscape.statistics.reading import MATCHED, Run, are_checkpoints, minimum
from landscape.stops import is_level

TOLERANCE = 0.10
"""Largest relative difference of training losses that counts as matched.

Late in training with cross-entropy, curvature is about proportional to the training loss, so 10 % of the one moves
the other by about 10 %.
"""

_MATCH_MORE = "longer training, a higher target loss or looking at the loss more often would match more"
_MATCHED_CHECKPOINTS = "checkpoints saved at one training loss, or a study that trains, would tell"


def match_more(runs: Sequence[Run]) -> str:
    """Return what to do about runs that are not at the matched training loss."""
    return _MATCHED_CHECKPOINTS if are_checkpoints(runs) else _MATCH_MORE


def loss_ratio(first: Run, second: Run, stop: str) -> float | None:
    """Return the training loss of the first run over that of the second at a stop, None where unknown."""
    found = [finite((minimum(run, stop) or {}).get("train_loss")) for run in (first, second)]
    if found[0] is None or found[1] is None or min(found[0], found[1]) <= 0:
        return None
    return found[0] / found[1]


def comparable(run: Run, stop: str) -> bool:
    """Return whether a run has a minimum at a stop, and at a matched loss lies within the tolerance of its target."""
    found = minimum(run, stop)
    if found is None:
        return False
    mismatch = finite(found.get("mismatch"))
    return not is_level(stop) or (mismatch is not None and abs(mismatch) <= TOLERANCE)


def target_loss(runs: Sequence[Run]) -> float | None:
    """Return the training loss that the matched minima were taken at, None where there are none."""
    targets = []
    for run in runs:
        found = minimum(run, MATCHED) or {}
        loss, mismatch = finite(found.get("train_loss")), finite(found.get("mismatch"))
        if loss is not None and mismatch is not None and mismatch > -1:
            targets.append(loss / (1 + mismatch))
    return sorted(targets)[len(targets) // 2] if targets else None
