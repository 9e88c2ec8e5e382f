"""The minima of one run: measured and sliced, each result written as soon as it is there."""

import dataclasses
import inspect
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from landscape import store
from landscape.errors import StorageError
from landscape.measures import measure_minimum
from landscape.measures.measure import registered
from landscape.minimum import Minimum, SecondMoment
from landscape.operators.held_batches import default_memory
from landscape.problem import Problem
from landscape.randomness import derive_seed
from landscape.study.cells import Cell
from landscape.study.code_in_files import code_in
from landscape.study.config import StudyConfig
from landscape.study.folder import RunFolder, read_measurements, read_result, write_result
from landscape.study.option_levels import chosen
from landscape.study.train_cell import dataset_of, loss_of, model_of
from landscape.surfaces import loss_surface
from landscape.training import coming_update, read_snapshot, second_moment
from landscape.training.optimizer_state import OptimizerState
from landscape.training.snapshot import Snapshot


def held_memory(device: torch.device) -> int:
    """Return the bytes of held graphs that a process may take: on a CPU there is one process a core."""
    return default_memory(device) // (max(1, os.cpu_count() or 1) if device.type == "cpu" else 1)


def measure_cell(config: StudyConfig, cell: Cell, folder: RunFolder, device: torch.device) -> None:
    """Measure every minimum of a run by every measure of the study; what is written already is left alone."""
    for stop, missing in missing_measurements(config, cell, folder).items():
        minimum = minimum_of(config, cell, folder, stop, device)
        for name in missing:
            measured = measure_minimum(minimum, [name], seed=cell.seed, options=measure_options(config), warn=False)
            row = {"stop": stop, "measure": name, **measured[name].to_dict()}
            store.append_row(folder.measurements(cell.id), row, seal=True)


def missing_measurements(config: StudyConfig, cell: Cell, folder: RunFolder) -> dict[str, list[str]]:
    """Return the measures that each minimum of a trained run still lacks, by its stop; nothing where all are there."""
    done = read_measurements(folder, cell.id)
    missing = {stop: [name for name in config.measures if (stop, name) not in done] for stop in config.stops}
    return {stop: names for stop, names in missing.items() if names and folder.minimum(cell.id, stop).exists()}


def measure_options(config: StudyConfig) -> dict[str, dict[str, Any]]:
    """Return the options of every measure of the study by its name."""
    return {name: {**_tolerance(config, name), **config.measure_option.get(name, {})} for name in config.measures}


def _tolerance(config: StudyConfig, name: str) -> dict[str, Any]:
    """Return the tolerance of every measure as an option of this one, if it has any."""
    has = "rtol" in inspect.signature(registered(name).compute).parameters
    return {"rtol": config.rtol} if has and config.rtol is not None else {}


def minimum_of(
    config: StudyConfig,
    cell: Cell,
    folder: RunFolder,
    stop: str,
    device: torch.device,
    batch_size: int | None = None,
    **problem_options: Any,
) -> Minimum:
    """Return a stored minimum, ready to be measured on the training examples that the study asks for."""
    snapshot = read_snapshot(folder.minimum(cell.id, stop), folder.optimizer(cell.id, stop))
    _check_optimizer(config, cell, snapshot.optimizer, folder.optimizer(cell.id, stop))
    problem = problem_of(config, cell, device, "train", batch_size=batch_size, **problem_options)
    # a checkpoint comes from an initialisation that is not known
    initial = problem.theta if cell.checkpoint is None else None
    _load(problem, snapshot, folder.minimum(cell.id, stop))
    provenance = {"run": cell.id, "stop": stop, "step": snapshot.step, "learning_rate": cell.lr}
    whole = problem.parameter_names == trainable_names(problem)
    return Minimum(
        problem,
        problem.theta,
        _of_chosen(second_moment(snapshot.optimizer), problem),
        provenance,
        held_memory(device),
        # the step of some of the parameters alone is no step of this optimizer
        update=coming_update(snapshot.optimizer, problem.theta, problem.shapes) if whole else None,
        initial=initial,
    )


def _check_optimizer(config: StudyConfig, cell: Cell, state: OptimizerState, path: Path) -> None:
    """Refuse the state of another optimizer than the run's, or one that names code which the study does not."""
    own = code_in(chosen(config.optimizer_option, cell.optimizer, cell.optimizer_option))
    if state.name != cell.optimizer or set(code_in(state.options)) - set(own):
        raise StorageError(
            f"{path} is not of the optimizer that study.toml names, {cell.optimizer!r}. Delete it, and the run trains "
            f"again."
        )


def _load(problem: Problem, snapshot: Snapshot, path: Path) -> None:
    """Put stored weights into a problem's network, if they and the optimizer's vectors fit it."""
    trainable = sum(each.numel() for each in problem.model.parameters() if each.requires_grad)
    fits = all(each.shape == (trainable,) for each in snapshot.optimizer.tensors.values())
    try:
        problem.model.load_state_dict(snapshot.state_dict)
    except RuntimeError:
        fits = False
    if not fits:
        raise StorageError(f"{path} is not of the network that study.toml names. Delete it, and the run trains again.")


def trainable_names(problem: Problem) -> tuple[str, ...]:
    """Return the names of all trainable parameters of a problem's network, whichever of them it is about."""
    return tuple(name for name, each in problem.model.named_parameters() if each.requires_grad)


def _of_chosen(moment: SecondMoment | None, problem: Problem) -> SecondMoment | None:
    """Return the part of a second moment of all trainable parameters that belongs to those of the problem."""
    if moment is None or len(moment.value) == problem.num_parameters:
        return moment
    trainable = [(name, each.numel()) for name, each in problem.model.named_parameters() if each.requires_grad]
    pieces = torch.split(moment.value, [size for _, size in trainable])
    chosen = [piece for piece, (name, _) in zip(pieces, trainable, strict=True) if name in problem.parameter_names]
    return dataclasses.replace(moment, value=torch.cat(chosen))


def slice_cell(config: StudyConfig, cell: Cell, folder: RunFolder, stop: str, device: torch.device) -> None:
    """Write the slice around a stored minimum, on train and test loss; nothing if it is there."""
    path = folder.surface(cell.id, stop)
    if path.exists():
        return
    minimum = minimum_of(config, cell, folder, stop, device)
    test = problem_of(config, cell, device, "test")
    test.model.load_state_dict(minimum.problem.model.state_dict())
    surface = loss_surface(
        minimum.problem,
        minimum.theta,
        test=test,
        points=config.surface_points,
        radius=config.surface_radius,
        seed=config.seed,
    )
    store.write_arrays(path, surface.arrays())
    # with its checksum
    write_result(folder, cell.id, read_result(folder, cell.id))


def problem_of(
    config: StudyConfig,
    cell: Cell,
    device: torch.device,
    part: str,
    *,
    loss: Callable[..., Tensor] | None = None,
    batch_size: int | None = None,
    **problem_options: Any,
) -> Problem:
    """Return the training or the test problem of a run as it is before training, on the examples to be measured.

    Args:
        config: The study.
        cell: The run.
        device: Where to compute.
        part: ``"train"`` or ``"test"``.
        loss: Any that a problem takes; that of the study, which can be trained on, by default.
        batch_size: Examples a forward pass; chosen by their size when None.
        **problem_options: More options of `Problem`.
    """
    dataset = dataset_of(config, cell)
    dtype = getattr(torch, config.dtype)
    x, y = _on_device(config, cell, device, part)
    model = model_of(config, cell, dataset).to(device, dtype)
    if config.examples is not None and config.examples < len(x):
        # drawn, not the first ones: a user's data may be sorted by class
        generator = torch.Generator().manual_seed(derive_seed(config.seed, f"measured {part} examples"))
        chosen = torch.randperm(len(x), generator=generator)[: config.examples].sort().values.to(x.device)
        x, y = x[chosen], y[chosen]
    return Problem(model, loss_of(config) if loss is None else loss, (x, y), batch_size=batch_size, **problem_options)


def _on_device(config: StudyConfig, cell: Cell, device: torch.device, part: str) -> tuple[Tensor, Tensor]:
    x, y = getattr(dataset_of(config, cell), part)
    dtype = getattr(torch, config.dtype)
    return x.to(device, dtype if x.is_floating_point() else x.dtype), y.to(
        device, dtype if y.is_floating_point() else y.dtype
    )
