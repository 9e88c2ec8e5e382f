"""The search for hyper-parameters: what was drawn is trained, judged on validation examples, and the best is picked."""

import dataclasses
import math
from collections.abc import Mapping, Sequence
from typing import Any

import torch

from landscape import store
from landscape.data import DataSet
from landscape.errors import LandscapeError, ProblemError, StorageError, UsageError
from landscape.randomness import derive_seed
from landscape.study.cells import Cell
from landscape.study.config import StudyConfig
from landscape.study.folder import RunFolder
from landscape.study.search_draws import Draw, draws, fixed_options, spaces, trial
from landscape.study.train_cell import dataset_of, loss_of, model_of, training_config
from landscape.training import TrainingResult, train
from landscape.training.search_range import SearchRange

VALIDATION = 0.2
"""Share of the training examples that judges; the others train. The study's own runs train on all of them."""
EDGE = 0.05
"""Share of a range, on its scale, that counts as its edge; where fewer are drawn, what one draw stands for."""


def validation_split(dataset: DataSet, seed: int) -> DataSet:
    """Return a data set whose test set is a part of the training set, drawn at random; its own is not in it.

    Raises:
        UsageError: If there are too few training examples.
    """
    x, y = dataset.train
    held_out = round(VALIDATION * len(x))
    if not held_out:
        raise UsageError(
            f"{len(x)} training examples are too few to hold some out for validation. Give more, or no --tune."
        )
    generator = torch.Generator().manual_seed(derive_seed(seed, "validation"))
    order = torch.randperm(len(x), generator=generator)
    test, kept = (part.sort().values for part in (order[:held_out], order[held_out:]))
    return dataclasses.replace(dataset, train=(x[kept], y[kept]), test=(x[test], y[test]))


def try_draw(config: StudyConfig, draw: Draw, folder: RunFolder, device: torch.device) -> str:
    """Train one drawn configuration and write its score; nothing if it is there. Return what was done."""
    path = folder.tried(draw.optimizer, draw.index)
    name = f"search {draw.optimizer} {draw.index + 1}"
    if not path.exists():
        store.write_json(path, {**dataclasses.asdict(draw), **_score(config, draw, device)})
    return name


def searched(config: StudyConfig, folder: RunFolder) -> dict[str, Any]:
    """Return the record of a search that is done, and write it: what was drawn, its scores, what was picked.

    Raises:
        ProblemError: If no configuration of an optimizer came to an end.
        StorageError: If a file of the search is damaged.
    """
    every = [(draw, _read(folder, draw)) for draw in draws(config)]
    alone, cell = trial(config, every[0][0])
    split = validation_split(dataset_of(alone, cell), config.seed)
    result = {
        "budget": config.tune,
        "seed": config.seed,
        "training_examples": len(split.train[0]),
        "validation_examples": len(split.test[0]),
        "optimizers": [
            _record(config, name, space, [each for each in every if each[0].optimizer == name])
            for name, space in spaces(config).items()
        ],
    }
    plain: dict[str, Any] = store.finite(result)
    store.write_json(folder.search, plain)
    return plain


def _score(config: StudyConfig, draw: Draw, device: torch.device) -> dict[str, Any]:
    """Return what came of training a configuration; one that fails is spent like any other."""
    alone, cell = trial(config, draw)
    nothing = dict.fromkeys(("validation_loss", "validation_accuracy", "train_loss", "seconds"))
    try:
        result = _train(alone, cell, device)
    except LandscapeError as error:
        return {"status": "failed", "message": str(error), **nothing}
    if result.end is None:
        return {"status": result.status, "message": result.message, **nothing}
    return {
        "status": result.status,
        "message": "",
        "validation_loss": result.end.test_loss,
        "validation_accuracy": result.end.test_accuracy,
        "train_loss": result.end.train_loss,
        "seconds": result.end.seconds,
    }


def _train(config: StudyConfig, cell: Cell, device: torch.device) -> TrainingResult:
    dataset = validation_split(dataset_of(config, cell), config.seed)
    how = dataclasses.replace(training_config(config, cell), target_loss=None, target_accuracy=None, levels=())
    return train(
        model_of(config, cell, dataset),
        loss_of(config),
        dataset,
        how,
        device=device,
        dtype=getattr(torch, config.dtype),
    )


def _read(folder: RunFolder, draw: Draw) -> dict[str, Any]:
    path = folder.tried(draw.optimizer, draw.index)
    row = store.read_json(path)
    if not isinstance(row, dict) or row.get("values") != dict(draw.values) or "validation_loss" not in row:
        raise StorageError(f"{path} is damaged or of another search. Delete it, and it is trained again.")
    return row


def _record(
    config: StudyConfig, name: str, space: Mapping[str, SearchRange], tried: Sequence[tuple[Draw, dict[str, Any]]]
) -> dict[str, Any]:
    finished = [(draw, row) for draw, row in tried if row["validation_loss"] is not None]
    if not finished:
        raise ProblemError(
            f"None of the {len(tried)} configurations drawn for {name} came to an end ({_reasons(tried)}), so none can "
            f"be picked. Give it a narrower range in another folder: --tune-range {name}.lr=LOW,HIGH."
        )
    best, _ = min(finished, key=_order)
    return {
        "optimizer": name,
        "space": [{"name": key, **dataclasses.asdict(each)} for key, each in space.items()],
        "fixed": fixed_options(config, name),
        "drawn": [row for _, row in tried],
        "spent": len(tried),
        "failed": len(tried) - len(finished),
        "judged_by": "validation_loss" if finished[0][1]["validation_accuracy"] is None else "validation_accuracy",
        "best": best.index,
        "picked": best.picked,
        "edges": _edges(best, space, len(tried)),
    }


def _order(tried: tuple[Draw, dict[str, Any]]) -> tuple[float, float, int]:
    """Sort by accuracy, then by loss: few validation examples leave many accuracies equal."""
    draw, row = tried
    return -(row["validation_accuracy"] or 0.0), row["validation_loss"], draw.index


def _reasons(tried: Sequence[tuple[Draw, dict[str, Any]]]) -> str:
    found = [row["status"] for _, row in tried]
    return ", ".join(f"{found.count(each)} {each}" for each in sorted(set(found)))


def _edges(best: Draw, space: Mapping[str, SearchRange], count: int) -> list[dict[str, Any]]:
    """Return the parameters whose best value lies at an end of its range, so that a better one may lie beyond."""
    width = min(max(EDGE, 1 / count), 0.25)
    found = []
    for key, each in space.items():
        place = each.place(best.values[key])
        if math.isfinite(place) and not width <= place <= 1 - width:
            side = "low" if place < width else "high"
            found.append({"name": key, "side": side, "value": best.values[key], "end": getattr(each, side)})
    return found
