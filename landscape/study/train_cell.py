"""One run of a study: train it or load it, write what came of it."""

import dataclasses
import functools
import hashlib
import inspect
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from landscape import store
from landscape.data import DataSet, load_dataset
from landscape.errors import UsageError
from landscape.file_size import refuse_larger_than_memory
from landscape.models import build_model, check_outputs
from landscape.problem import Problem
from landscape.registry import losses
from landscape.stops import END
from landscape.study import record
from landscape.study.cells import Cell
from landscape.study.config import StudyConfig
from landscape.study.folder import RunFolder, is_trained, write_result
from landscape.study.later_points import about, add_points
from landscape.study.option_levels import chosen
from landscape.training import TrainingConfig, TrainingResult, load_into, train, write_snapshot
from landscape.training.checkpoint import write_tensors
from landscape.training.optimizer_state import OptimizerState
from landscape.training.population import train_population
from landscape.training.snapshot import Snapshot, copy_state_dict


def dataset_of(config: StudyConfig, cell: Cell) -> DataSet:
    """Return the examples of a run, loaded once a process."""
    return _load(
        config.data or cell.dataset,
        cell.train_examples,
        cell.label_noise,
        config.seed,
        config.data_dir,
        config.subset,
        tuple(sorted(config.dataset_option.items())),
    )


@functools.lru_cache(maxsize=2)
def _load(
    name: str, count: int | None, noise: float, seed: int, place: str | None, subset: Any, options: tuple[Any, ...]
) -> DataSet:
    return load_dataset(
        name,
        train_examples=count,
        label_noise=noise,
        seed=seed,
        data_dir=place,
        subset=subset,
        options=dict(options),
    )


def model_options(config: StudyConfig, cell: Cell) -> dict[str, Any]:
    """Return the options of a run's network."""
    return chosen(config.model_option, cell.model, cell.model_option)


def model_of(config: StudyConfig, cell: Cell, dataset: DataSet) -> nn.Module:
    """Return the network of a run as it is before training, checked against its data."""
    model = build_model(
        cell.model, dataset.input_shape, dataset.num_outputs, options=model_options(config, cell), seed=cell.seed
    )
    check_outputs(model, dataset)
    return model


def loss_of(config: StudyConfig) -> Callable[[Tensor, Tensor], Tensor]:
    """Return the loss of a study: a function of (outputs, targets), the mean over examples.

    Raises:
        UsageError: If there is no such loss, or it is no function.
    """
    loss = losses[config.loss].value
    if not callable(loss) or next(iter(inspect.signature(loss).parameters), "") == "model":
        raise UsageError(f"{config.loss} is not a function of (outputs, targets), which training needs.")
    return loss  # type: ignore[no-any-return]


def training_config(config: StudyConfig, cell: Cell) -> TrainingConfig:
    """Return how a run is trained, every option checked."""
    options = chosen(config.optimizer_option, cell.optimizer, cell.optimizer_option)
    decay = {} if cell.weight_decay is None else {"weight_decay": cell.weight_decay}
    return TrainingConfig(
        cell.optimizer,
        cell.lr or 0.0,
        {**decay, **options},
        batch_size=None if cell.batch_size == "full" else int(cell.batch_size),
        epochs=None if config.steps else config.epochs,
        steps=config.steps,
        schedule=config.schedule,
        warmup=config.warmup,
        clip_norm=config.clip_norm,
        amp=config.amp,
        max_batch=config.max_batch or TrainingConfig.max_batch,
        compile=config.compile,
        seed=cell.seed,
        target_loss=config.primary_loss,
        levels=config.levels,
        at_epochs=config.at_epoch,
        target_accuracy=config.target_accuracy or None,
        average=config.average,
    )


def train_cell(config: StudyConfig, cell: Cell, folder: RunFolder, device: torch.device) -> None:
    """Train one run (or load its checkpoint) and write its files; nothing if it is finished already."""
    if is_trained(folder, cell.id, config.stops):
        _check_same_checkpoint(cell, folder)
        return
    if cell.checkpoint is not None:
        _take_checkpoint(config, cell, cell.checkpoint, folder, device)
        return
    how, dataset = _begin(config, cell, folder), dataset_of(config, cell)
    result = train(
        model_of(config, cell, dataset),
        loss_of(config),
        dataset,
        how,
        device=device,
        dtype=getattr(torch, config.dtype),
        keep=config.keep_checkpoints,
        on_checkpoint=lambda step, state_dict: _write_checkpoint(folder, cell, step, state_dict),
    )
    _write_training(config, folder, cell, result, len(dataset.test[0]))


def train_cells(config: StudyConfig, cells: Sequence[Cell], folder: RunFolder, device: torch.device) -> None:
    """Train runs that differ in learning rate and seed only as one batched model; those that are finished stay."""
    missing = [cell for cell in cells if not is_trained(folder, cell.id, config.stops)]
    if not missing:
        return
    hows = [_begin(config, cell, folder, together=len(missing)) for cell in missing]
    dataset = dataset_of(config, missing[0])
    results = train_population(
        [model_of(config, cell, dataset) for cell in missing],
        loss_of(config),
        dataset,
        hows,
        device=device,
        dtype=getattr(torch, config.dtype),
        keep=config.keep_checkpoints,
        on_checkpoint=lambda index, step, state_dict: _write_checkpoint(folder, missing[index], step, state_dict),
    )
    for cell, result in zip(missing, results, strict=True):
        _write_training(config, folder, cell, result, len(dataset.test[0]))


def _begin(config: StudyConfig, cell: Cell, folder: RunFolder, *, together: int = 1) -> TrainingConfig:
    """Return how a run is trained, and write that down with how many train as one batched model with it."""
    how = training_config(config, cell)
    if is_trained(folder, cell.id):
        # it only lacks points, and keeps what it has
        return how
    # what was measured belongs to weights that are not there any more
    folder.measurements(cell.id).unlink(missing_ok=True)
    folder.moved(cell.id).unlink(missing_ok=True)
    described = {**cell.to_dict(), "training": dataclasses.asdict(how), "together": together}
    store.write_json(folder.config(cell.id), described)
    return how


def _write_checkpoint(folder: RunFolder, cell: Cell, step: int, state_dict: Mapping[str, Tensor]) -> None:
    if not is_trained(folder, cell.id):
        write_tensors(folder.checkpoint(cell.id, step), state_dict, {"step": step})


def _take_checkpoint(config: StudyConfig, cell: Cell, path: str, folder: RunFolder, device: torch.device) -> None:
    """Write the files of a run whose weights are given."""
    folder.measurements(cell.id).unlink(missing_ok=True)
    folder.moved(cell.id).unlink(missing_ok=True)
    dataset = dataset_of(config, cell)
    model = model_of(config, cell, dataset)
    store.write_json(folder.config(cell.id), {**cell.to_dict(), "sha256": _digest(path)})
    load_into(model, path)
    snapshot = _snapshot_of_checkpoint(config, cell, model.to(device, getattr(torch, config.dtype)), dataset)
    write_snapshot(snapshot, folder.minimum(cell.id, "end"), folder.optimizer(cell.id, "end"))
    parameters = sum(each.numel() for each in model.parameters() if each.requires_grad)
    result_row = {"status": "finished", "message": "", "minima": {END: about(snapshot)}, "parameters": parameters}
    result_row |= {"test_examples": len(dataset.test[0]), "sought": list(config.stops)}
    write_result(folder, cell.id, result_row)


def _check_same_checkpoint(cell: Cell, folder: RunFolder) -> None:
    """Refuse a checkpoint file that is another one than the folder was made from."""
    if cell.checkpoint and store.read_json(folder.config(cell.id), record.CONFIG).get("sha256") != _digest(
        cell.checkpoint
    ):
        raise UsageError(
            f"{cell.checkpoint} has changed since {folder.root} was made from it. Choose another folder with --out."
        )


def _digest(path: str) -> str:
    refuse_larger_than_memory(Path(path))
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _write_training(
    config: StudyConfig, folder: RunFolder, cell: Cell, result: TrainingResult, test_examples: int
) -> None:
    ends = {} if result.end is None else {END: result.end}
    minima = {**result.points, **ends, **result.averages}
    if is_trained(folder, cell.id):
        add_points(config, folder, cell, training_config(config, cell), minima)
        return
    store.write_rows(folder.history(cell.id), [dataclasses.asdict(row) for row in result.history])
    for stop, snapshot in minima.items():
        write_snapshot(snapshot, folder.minimum(cell.id, stop), folder.optimizer(cell.id, stop))
    cost = dataclasses.asdict(result.cost)
    cost["optimizer_bytes_per_parameter"] = result.cost.optimizer_bytes_per_parameter
    speeds = {"target_loss": result.speed_to_loss, "target_accuracy": result.speed_to_accuracy}
    row = {
        "status": result.status,
        "message": result.message,
        "parameters": result.cost.parameters,
        "test_examples": test_examples,
        "cost": cost,
        "speed": {name: each and dataclasses.asdict(each) for name, each in speeds.items()},
        "minima": {stop: about(each) for stop, each in minima.items()},
        "sought": list(config.stops),
    }
    write_result(folder, cell.id, row)


def _snapshot_of_checkpoint(config: StudyConfig, cell: Cell, model: nn.Module, dataset: DataSet) -> Snapshot:
    loss = loss_of(config)
    train_scores = Problem(model, loss, dataset.train).evaluate()
    test_scores = Problem(model, loss, dataset.test).evaluate()
    return Snapshot(
        state_dict=copy_state_dict(model),
        optimizer=OptimizerState(cell.optimizer, {}, 0.0, 0, {}),
        step=0,
        epoch=0.0,
        examples=0,
        seconds=0.0,
        train_loss=train_scores.loss,
        test_loss=test_scores.loss,
        train_accuracy=train_scores.accuracy,
        test_accuracy=test_scores.accuracy,
        note=f"from {cell.checkpoint}",
    )
