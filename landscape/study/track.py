"""One training followed with its curvature, in a run folder that it can go on from."""

import dataclasses
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from landscape import store
from landscape.device import resolve_device
from landscape.errors import UsageError
from landscape.problem import Problem
from landscape.shapes import any_object
from landscape.statistics.edge_crossing import edge_crossing
from landscape.study.cells import Cell, cells, learning_rates
from landscape.study.config import StudyConfig
from landscape.study.environment import environment
from landscape.study.folder import RunFolder, locked, open_folder
from landscape.study.keys import FACTORS
from landscape.study.measure_cell import problem_of
from landscape.study.one_minimum import check_examples
from landscape.study.option_levels import levels
from landscape.study.tracked_files import read_tracked
from landscape.study.train_cell import dataset_of, loss_of, model_of, model_options, training_config
from landscape.tracking import Followed, TrackRow, TrackSettings, follow
from landscape.tracking.follow import check_start
from landscape.training import write_snapshot
from landscape.training.live_checkpoint import write_live
from landscape.training.prepare import prepare_run
from landscape.training.run import Run
from landscape.training.snapshot import take_snapshot

FORMAT = 1
STALLED = 10
"""Stops without progress after which training counts as converged."""
KEEP_EVERY = 2.0
"""Seconds after which rows and state are written again: what a kill loses at most, beside the stop in hand."""

OnProgress = Callable[[int, int, str], None]


@dataclass(frozen=True)
class TrackRequest:
    """What is asked of a tracked training beside the study's own keys.

    Attributes:
        every: (count, "steps" or "epochs") between measurements; chosen when None.
        until: ``"steps"``, ``"loss"`` (the target loss) or ``"converged"`` (no better loss by 1 % in ten stops).
        top_k: See `TrackSettings`, likewise the next six.
        rtol: Of the eigenvalues.
        max_matvecs: For the eigenvalues of one operator at one stop.
        trace: Whether to estimate it.
        trace_rtol: Its tolerance.
        batches: Of batch sharpness.
        product: Kind of Hessian product.
        batch_norm: ``"evaluation"`` or ``"batch"``: which function is measured.
    """

    every: tuple[int, str] | None = None
    until: str = "steps"
    top_k: int = 1
    rtol: float = 0.01
    max_matvecs: int = 200
    trace: bool = False
    trace_rtol: float = 0.05
    batches: int = 16
    product: str = "auto"
    batch_norm: str = "evaluation"


def one_run(config: StudyConfig) -> StudyConfig:
    """Return the configuration if it is that of one run, its learning rate written out.

    Raises:
        UsageError: If something is there twice.
    """
    if config.tune:
        raise UsageError("A search for hyper-parameters is a matter of landscape analyze. Leave out tune.")
    asked = {key: getattr(config, key) for key in (*FACTORS, "optimizer", "lr_factor", "target_loss")}
    for key, each in {**asked, **levels(config.model_option), **levels(config.optimizer_option)}.items():
        if len(each) > 1:
            named = ", ".join(map(str, each))
            raise UsageError(f"One training is followed at a time; {key} names {named}. Keep one.")
    name = config.optimizer[0]
    given = config.lr.get(name) or config.lr.get("*")
    if given and len(given) > 1:
        raise UsageError(f"One training is followed at a time; lr names {', '.join(map(str, given))}. Keep one.")
    lr = given or learning_rates(config, name)[:1]
    return dataclasses.replace(config, seeds=1, lr={name: tuple(lr)})


def track(config: StudyConfig, request: TrackRequest, root: Path, on_progress: OnProgress) -> dict[str, Any]:
    """Train and measure, or go on where a run of the same settings stopped.

    Args:
        config: As `one_run` gives it.
        request: What to measure, and until when.
        root: The run folder.
        on_progress: Called with (steps taken, steps in all, what was measured last).

    Returns:
        Settings, summary, rows and environment as plain JSON types.

    Raises:
        UsageError: If the folder holds a run of other settings.
        ProblemError: If the loss is not finite before training, or the model cannot be measured.
    """
    cell, new = cells(config)[0], not RunFolder(root).study.exists()
    if not new:
        open_folder(root, config)
        _check_request(root, request)
    run, problem, settings = _prepared(config, request, cell)
    if new:
        # what cannot be trained leaves no folder behind that refuses the command once it is mended
        check_start(problem.loss())
    folder = open_folder(root, config)
    _check_request(root, request)
    with locked(folder):
        rows, followed = read_tracked(_rows_file(folder, cell), _state_file(folder, cell), run)
        finished = bool(rows) and (_ends(rows, request, config) or followed.step > len(run.learning_rates))
        if not finished:
            _go_on(run, problem, settings, followed, rows, request, config, (folder, cell), on_progress)
        result = _result(config, request, settings, cell, run, problem, rows)
        there = store.read_json(root / "track.json", any_object) if finished and (root / "track.json").is_file() else {}
        result["environment"] = there.get("environment", environment(run.device))
    return result


def _check_request(root: Path, request: TrackRequest) -> None:
    """Write down what is asked, or refuse what differs from what was asked before."""
    path = root / "track_request.json"
    new = store.finite(dataclasses.asdict(request))
    if not path.exists():
        store.write_json(path, new)
        return
    old = store.read_json(path, any_object)
    changed = [f"{key}: {old.get(key)} there, {each} here" for key, each in new.items() if old.get(key) != each]
    if changed:
        raise UsageError(
            f"{root} holds a run that was followed otherwise:\n  " + "\n  ".join(changed) + "\n"
            "Choose another folder with --out, or type the old settings to continue it."
        )


def _prepared(config: StudyConfig, request: TrackRequest, cell: Cell) -> tuple[Run, Problem, TrackSettings]:
    device, dataset = resolve_device(config.device), dataset_of(config, cell)
    check_examples(config, len(dataset.train[0]))
    how = training_config(config, cell)
    model, loss = model_of(config, cell, dataset), loss_of(config)
    run = prepare_run(model, loss, dataset, how, device=device, dtype=getattr(torch, config.dtype))
    problem = problem_of(config, cell, device, "train", batch_size=config.max_batch)
    problem.batch_norm = request.batch_norm
    names = {each.name for each in dataclasses.fields(TrackSettings)} - {"every", "seed"}
    chosen = {name: getattr(request, name) for name in names}
    every = _every(request, run)
    return run, problem, TrackSettings(every=every, seed=cell.seed, **chosen)


def _every(request: TrackRequest, run: Run) -> int:
    if request.every is not None:
        count, unit = request.every
        return count * (run.steps_per_epoch if unit == "epochs" else 1)
    return run.steps_per_epoch if run.steps_per_epoch > 1 else max(1, len(run.learning_rates) // 60)


def _go_on(
    run: Run,
    problem: Problem,
    settings: TrackSettings,
    followed: Followed,
    rows: list[dict[str, Any]],
    request: TrackRequest,
    config: StudyConfig,
    place: tuple[RunFolder, Cell],
    on_progress: OnProgress,
) -> None:
    folder, cell = place
    total, kept = len(run.learning_rates), -float("inf")
    for row in follow(run, problem, settings, followed):
        rows.append(store.finite(dataclasses.asdict(row)))
        on_progress(min(row.step, total), total, _said(row))
        if _ends(rows, request, config):
            break
        if time.monotonic() - kept >= KEEP_EVERY:
            _keep(folder, cell, run, followed, rows)
            kept = time.monotonic()
    _keep(folder, cell, run, followed, rows)
    if not rows[-1]["diverged"]:
        _write_end(folder, cell, run, rows[-1])


def _keep(folder: RunFolder, cell: Cell, run: Run, followed: Followed, rows: list[dict[str, Any]]) -> None:
    store.write_rows(_rows_file(folder, cell), rows)
    write_live(_state_file(folder, cell), run, followed.step, followed.to_dict())


def _write_end(folder: RunFolder, cell: Cell, run: Run, row: dict[str, Any]) -> None:
    """Write weights and optimizer state, as a study does: `landscape hessian DIR` takes them."""
    # after the last step the run is at the row; stopped earlier it is a step beyond
    step = row["step"] if row["step"] == len(run.learning_rates) else row["step"] + 1
    scores = run.evaluate_train(), run.evaluate_test()
    snapshot = take_snapshot(run, step, row["seconds_training"], *scores)
    write_snapshot(snapshot, folder.minimum(cell.id, "end"), folder.optimizer(cell.id, "end"))


def _ends(rows: list[dict[str, Any]], request: TrackRequest, config: StudyConfig) -> bool:
    """Return whether nothing is to come after these rows for another reason than that all steps are taken."""
    last = rows[-1]
    if last["diverged"]:
        return True
    losses = [row["train_loss"] for row in rows]
    if request.until == "loss":
        return bool(last["train_loss"] <= config.primary_loss)
    if request.until == "converged" and len(losses) > STALLED:
        return bool(min(losses[-STALLED:]) > 0.99 * min(losses[:-STALLED]))
    return False


def _said(row: TrackRow) -> str:
    if row.diverged:
        return "diverged"
    ratio = "" if row.ratio is None else f", sharpness / edge {row.ratio:.3f}"
    return f"loss {row.train_loss:.4g}, top eigenvalue {row.top_eigenvalue or float('nan'):.4g}{ratio}"


def _result(
    config: StudyConfig,
    request: TrackRequest,
    settings: TrackSettings,
    cell: Cell,
    run: Run,
    problem: Problem,
    rows: list[dict[str, Any]],
) -> dict[str, Any]:
    kept = ("data", "dataset_option", "subset", "loss", "schedule", "warmup", "clip_norm")
    own = {"dataset": cell.dataset, "model_option": model_options(config, cell)}
    own |= {key: getattr(config, key) for key in kept}
    named = {
        **{key: value for key, value in own.items() if value not in (None, {}, 0)},
        "model": cell.model,
        "optimizer": cell.optimizer,
        "lr": cell.lr,
        "optimizer_options": dict(run.config.optimizer_options),
        "batch_size": cell.batch_size,
        "train_examples": len(run.train[0]),
        "examples": problem.num_examples,
        "parameters": problem.num_parameters,
        "steps": len(run.learning_rates),
        "steps_per_epoch": run.steps_per_epoch,
        "until": request.until,
        "batch_norm": request.batch_norm,
        **dataclasses.asdict(settings),
        "device": str(run.device),
        "dtype": config.dtype,
    }
    name = f"{cell.optimizer} (lr {cell.lr:g}) on {Path(cell.model).name}, {Path(config.data or cell.dataset).name}"
    result = {"format": FORMAT, "name": name, "run": cell.id, "settings": named}
    return store.finite({**result, "summary": _summary(rows, len(run.learning_rates)), "rows": rows})  # type: ignore[no-any-return]


def _summary(rows: list[dict[str, Any]], total: int) -> dict[str, Any]:
    last = rows[-1]
    status = "diverged" if last["diverged"] else "finished" if last["step"] >= total else "stopped"
    crossing = edge_crossing([row["step"] for row in rows], [row["ratio"] for row in rows])
    later = sorted(row["matvecs"] for row in rows[1:] or rows)
    training, measuring = last["seconds_training"], last["seconds_measuring"]
    return {
        "status": status,
        "message": last["diverged"],
        "stops": len(rows),
        "crossing": dataclasses.asdict(crossing),
        "preconditioned": any(row["preconditioned_top_eigenvalue"] is not None for row in rows),
        "converged": all(row["converged"] for row in rows if not row["diverged"]),
        "matvecs": sum(row["matvecs"] for row in rows),
        "matvecs_per_stop": later[len(later) // 2],
        "seconds_training": training,
        "seconds_measuring": measuring,
        "share_of_training_time": measuring / training if training else None,
    }


def _rows_file(folder: RunFolder, cell: Cell) -> Path:
    return folder.run(cell.id) / "track.jsonl"


def _state_file(folder: RunFolder, cell: Cell) -> Path:
    return folder.run(cell.id) / "state.pt"
