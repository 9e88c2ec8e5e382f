"""Points of a finished training that were asked for later: found by training once more, beside those that are there."""

import dataclasses
from collections.abc import Mapping
from typing import Any

import torch

from landscape import store
from landscape.stops import END
from landscape.study import record
from landscape.study.cells import Cell
from landscape.study.config import StudyConfig
from landscape.study.folder import RunFolder, read_result, write_result
from landscape.training import TrainingConfig, write_snapshot
from landscape.training.checkpoint import read_tensors
from landscape.training.snapshot import Snapshot

DIFFERENT = "from a training repeated later, whose end differs from that of the first, in the last digits or more"


def add_points(
    config: StudyConfig, folder: RunFolder, cell: Cell, how: TrainingConfig, minima: Mapping[str, Snapshot]
) -> None:
    """Write the minima that a finished run lacks; history, cost, and the minima that were measured stay as they are.

    A training is repeated bit for bit on the same machine; where its end is another, the new minima say so.

    Args:
        config: The study, as it asks now.
        folder: Where the run lies.
        cell: The run.
        how: How it was trained, with the points that are asked for now.
        minima: What the repeated training found, by the name of the stop.
    """
    old = read_result(folder, cell.id)
    same = _is_the_end(folder, cell, minima.get(END)) if END in old["minima"] else END not in minima
    new = {stop: each for stop, each in minima.items() if stop not in old["minima"]}
    if not same:
        new = {stop: dataclasses.replace(each, note=_joined(each.note, DIFFERENT)) for stop, each in new.items()}
    for stop, snapshot in new.items():
        write_snapshot(snapshot, folder.minimum(cell.id, stop), folder.optimizer(cell.id, stop))
    found = {**old["minima"], **{stop: about(each) for stop, each in new.items()}}
    described = store.read_json(folder.config(cell.id), record.CONFIG)
    store.write_json(folder.config(cell.id), {**described, "training": dataclasses.asdict(how)})
    write_result(folder, cell.id, {**old, "minima": found, "sought": list(config.stops)})


def about(snapshot: Snapshot) -> dict[str, Any]:
    """Return what a run's result says of a minimum."""
    names = ("epoch", "step", "train_loss", "test_loss", "train_accuracy", "test_accuracy", "mismatch", "note")
    return {name: getattr(snapshot, name) for name in names}


def _is_the_end(folder: RunFolder, cell: Cell, end: Snapshot | None) -> bool:
    if end is None:
        return False
    stored, _ = read_tensors(folder.minimum(cell.id, END))
    return all(torch.equal(stored[name], each) for name, each in end.state_dict.items())


def _joined(*notes: str) -> str:
    return "; ".join(note for note in notes if note)
