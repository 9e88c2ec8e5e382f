"""Which runs of a study train together as one batched model."""

import dataclasses
from collections.abc import Collection, Sequence
from dataclasses import dataclass

import torch

from landscape import store
from landscape.errors import StorageError
from landscape.study.cells import FACTORS, Cell
from landscape.study.config import StudyConfig
from landscape.study.folder import RunFolder, is_trained
from landscape.study.train_cell import dataset_of, loss_of, model_of, training_config
from landscape.training.population import MOST_WORK, why_not_together
from landscape.training.step_work import step_work

MOST_MEMBERS = 32
"""Runs in one batched model: more save little (docs/population.md) and take memory."""


@dataclass(frozen=True)
class Population:
    """Runs that differ in learning rate and seed only.

    Attributes:
        cells: The runs.
        together: Whether they train as one batched model.
        note: Why they do not, as a clause, where one would expect that they do; "" otherwise.
    """

    cells: tuple[Cell, ...]
    together: bool
    note: str = ""

    def parts(self, number: int) -> list[tuple[Cell, ...]]:
        """Return the runs in about so many parts of two at least, for as many processes; no part is too large."""
        count = max(min(number, len(self.cells) // 2), -(-len(self.cells) // MOST_MEMBERS))
        return [self.cells[index::count] for index in range(count)]


def populations(config: StudyConfig, cells: Sequence[Cell], device: torch.device) -> list[Population]:
    """Return the runs that are trained, those that differ in learning rate and seed only together.

    ``population`` is ``"off"``, ``"on"`` (wherever it can be) or ``"auto"``: where the forward pass of one network's
    step takes at most 10 million operations.
    """
    groups: dict[tuple[object, ...], list[Cell]] = {}
    for cell in cells:
        if cell.checkpoint is None:
            groups.setdefault((cell.optimizer, *(getattr(cell, name) for name in FACTORS)), []).append(cell)
    return [_population(config, tuple(group), device) for group in groups.values()]


def notes(found: Sequence[Population]) -> list[str]:
    """Return a sentence for each kind of runs that train together, or do not where one would expect it."""
    said = []
    for each in found:
        if each.together:
            said.append(
                f"The {len(each.cells)} runs of {each.cells[0].optimizer} train together, as one batched model."
            )
        elif each.note:
            said.append(f"The runs of {each.cells[0].optimizer} train one by one: {each.note}.")
    return list(dict.fromkeys(said))


def _population(config: StudyConfig, cells: tuple[Cell, ...], device: torch.device) -> Population:
    if config.population == "off" or len(cells) < 2:
        return Population(cells, False)
    some = (cells[0], next(cell for cell in cells if cell.seed != cells[0].seed or cell is cells[-1]))
    dataset = dataset_of(config, cells[0])
    models = [model_of(config, cell, dataset) for cell in some]
    if config.population == "auto":
        batch = len(dataset.train[0]) if cells[0].batch_size == "full" else int(cells[0].batch_size)
        x = dataset.train[0][:1]
        if x.is_floating_point():
            x = x.to(next(models[0].parameters()).dtype)
        if step_work(models[0], x, min(batch, len(dataset.train[0]))) > MOST_WORK:
            return Population(cells, False)
    hows = [training_config(config, cell) for cell in some]
    why = why_not_together(models, loss_of(config), dataset, hows, device=device, dtype=getattr(torch, config.dtype))
    return Population(cells, not why, why)


def parts_of(folder: RunFolder, found: Sequence[Population], workers: int) -> list[list[str]]:
    """Return the runs of each task that trains several at once, by their names, as they were split the first time.

    There are enough tasks for all processes of the call that comes first. Runs that have come to the study since then
    are split among themselves; those that were trained one by one stay as they are.

    Raises:
        StorageError: If the file of the first time cannot be read.
    """
    kept = store.read_json(folder.together) if folder.together.exists() else []
    if not isinstance(kept, list) or not all(isinstance(part, list) for part in kept):
        raise StorageError(f"{folder.together} is damaged. Delete it: runs are then split anew.")
    wanted = {cell.id for each in found if each.together for cell in each.cells}
    planned = {name for part in kept for name in part}
    chosen = [_left(each, folder, planned) for each in found if each.together]
    chosen = [each for each in chosen if len(each.cells) > 1]
    parts = [[cell.id for cell in part] for each in chosen for part in each.parts(-(-workers // len(chosen)))]
    if parts or not folder.together.exists():
        store.write_json(folder.together, kept + parts)
    return [part for part in kept + parts if wanted.issuperset(part)]


def _left(population: Population, folder: RunFolder, planned: Collection[str]) -> Population:
    """Return the runs of a population that are neither trained nor split among tasks."""
    cells = tuple(cell for cell in population.cells if cell.id not in planned and not is_trained(folder, cell.id))
    return dataclasses.replace(population, cells=cells)
