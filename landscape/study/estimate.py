"""What a study will take, from a few steps of it; nothing is written."""

import dataclasses
import math
import time
from collections.abc import Callable
from typing import Any

import torch

from landscape.data.stand_in import stand_in
from landscape.device import AbsentDeviceError, resolve_device
from landscape.measures.measure import registered
from landscape.memory import peak_memory
from landscape.operators import Hessian
from landscape.problem import Problem
from landscape.statistics.cluster_bootstrap import MIN_SEEDS
from landscape.statistics.resolvable import SPREAD, smallest_ratio, smallest_tau
from landscape.stops import END, place, stop_words
from landscape.study.cells import Cell, cells
from landscape.study.checks import PROBE, check
from landscape.study.config import StudyConfig
from landscape.study.environment import threads_per_process
from landscape.study.measure_cell import held_memory
from landscape.study.population import notes, populations
from landscape.study.primary import question
from landscape.study.run import number_of_jobs
from landscape.study.search_draws import draws, middle
from landscape.study.train_cell import dataset_of, loss_of, model_of
from landscape.trust import trust

_MANY_RUNS = 40
START_SECONDS = 6.0
"""Starting a process and importing torch, as measured on a laptop."""


def estimate(config: StudyConfig, jobs: int | None) -> dict[str, Any]:
    """Return the runs of a study with an estimate of matvecs, time and memory, as plain JSON types.

    A gradient, an evaluation and a product are timed on a few examples, once for each network and data; matvecs are
    what the measures typically take. Expect it to be right within a factor of two or three. Data sets that have to be
    downloaded are planned by their sizes, and a device that is not here by the CPU.
    """
    named = [cell.id for cell in cells(middle(config) if config.tune else config)]
    config, elsewhere = _possible_here(config)
    device = check(config)
    tries = draws(config) if config.tune else []
    config = middle(config) if config.tune else config
    todo = cells(config)
    workers = number_of_jobs(jobs, device, len(todo))
    torch.set_num_threads(threads_per_process(workers))
    known = {_kind(cell): cell for cell in todo}
    by_kind = {kind: _costs(config, cell, device) for kind, cell in known.items()}
    costs = [by_kind[_kind(cell)] for cell in todo]
    points = (1 if config.checkpoint else len(config.stops)) * (1 + len(config.move))
    matvecs = len(todo) * points * sum(registered(name).typical_matvecs for name in config.measures)
    trained = [0.0 if config.checkpoint else _training_seconds(config, *each) for each in zip(todo, costs, strict=True)]
    searching = len(tries) * _training_seconds(config, todo[0], costs[0])
    measuring = matvecs / len(todo) * sum(each["product"] for each in costs)
    optimizers = len({cell.optimizer for cell in todo})
    slice_point = max(each["slice_point"] for each in by_kind.values())
    slicing, training = optimizers * config.surface_points**2 * slice_point, sum(trained)
    return {
        "cells": named,
        "stops": [] if config.checkpoint else list(config.stops),
        "target_loss": config.primary_loss,
        "primary": question(config),
        "fraction": config.fraction,
        "device": str(device),
        "planned_for": elsewhere,
        "processes": workers,
        # the time is that of one by one: what training together saves is not known before it is tried
        "together": notes([each for each in populations(config, todo, device) if each.together]),
        "parameters": sorted({round(each["parameters"]) for each in by_kind.values()}),
        "matvecs": matvecs,
        "surface_points": optimizers * config.surface_points**2,
        "searched": dict.fromkeys(config.optimizer, config.tune) if tries else {},
        "seconds": {
            **({"searching": searching} if tries else {}),
            "training": training,
            "measuring": measuring,
            "slicing": slicing,
        },
        "wall_seconds": (searching + training + measuring + slicing) / workers + START_SECONDS,
        "resolves": {
            "ratio": smallest_ratio(config.seeds) if optimizers > 1 and not config.checkpoint else None,
            "spread": SPREAD,
            "kendall_tau": smallest_tau(len(todo)),
        },
        # this process has trained and measured once: each worker will be about as large
        "memory_bytes": peak_memory() * (workers + 1 if workers > 1 else 1),
    }


def estimate_lines(result: dict[str, Any]) -> list[str]:
    """Return the estimate as lines for a terminal."""
    seconds = result["seconds"]
    parts = ", ".join(f"{name} {_duration(value)}" for name, value in seconds.items())
    searched = [f"{count} configurations drawn for {name}" for name, count in result["searched"].items()]
    return [
        *searched,
        *_run_lines(result["cells"]),
        *(["", "The learning rates above stand for those that the search will pick."] if searched else []),
        "",
        *_design_lines(result),
        *_resolution_lines(result["resolves"]),
        f"{len(result['cells'])} runs of {_sizes(result['parameters'])} parameters on {result['device']}, "
        f"{result['processes']} at once",
        *_elsewhere_lines(result["planned_for"]),
        f"about {result['matvecs']:,} Hessian-vector products and {result['surface_points']:,} points of slices",
        f"about {_duration(result['wall_seconds'])} ({parts}; summed over processes)",
        *result["together"],
        *["The time above is that of training one by one; together is usually faster."] * bool(result["together"]),
        f"about {result['memory_bytes'] / 2**30:.1f} GiB of memory",
    ]


def _possible_here(config: StudyConfig) -> tuple[StudyConfig, str | None]:
    """Return a study whose data and device are here, and the device that was asked for where it is not."""
    planned = tuple(map(stand_in, config.dataset))
    trust(set(planned) - set(config.dataset))  # the program's own code
    config = dataclasses.replace(config, dataset=planned)
    try:
        resolve_device(config.device)
    except AbsentDeviceError:
        return dataclasses.replace(config, device="cpu"), config.device
    return config, None


def _elsewhere_lines(device: str | None) -> list[str]:
    """Return that the plan is for a device that is not here, if it is."""
    return [f"{device} is not here: processes, time and memory are those of this machine's CPU"] if device else []


def _run_lines(cells: list[str]) -> list[str]:
    """Return the names of all runs; where they are many, one line for those that only their seeds tell apart."""
    if len(cells) <= _MANY_RUNS:
        return cells
    seeds: dict[str, list[str]] = {}
    for each in cells:
        name, _, seed = each.rpartition("-seed")
        seeds.setdefault(name, []).append(seed)
    return [f"{name}-seed{own[0]}" + (f" to {own[-1]}" if len(own) > 1 else "") for name, own in seeds.items()]


def _sizes(parameters: list[int]) -> str:
    return " or ".join(f"{each:,}" for each in parameters)


def _design_lines(result: dict[str, Any]) -> list[str]:
    """Return where minima are taken, the part of the product that is run, and the question that comes first."""
    lines = []
    if len(result["stops"]) > 2:
        primary, *others = result["stops"]
        others.sort(key=lambda stop: (stop == END, place(stop)))
        matched = f"{stop_words(primary)} ({result['target_loss']:g}, the primary level)"
        lines.append(f"minima {', '.join([matched, *map(stop_words, others)])}")
    if result["fraction"] < 1:
        lines.append(f"{100 * result['fraction']:g} % of the settings, balanced over their levels")
    asked = result["primary"]
    if asked is not None:
        compared = f"{asked['numerator']} / {asked['denominator']}"
        lines.append(f"primary question: {asked['measure']}, {compared}, at training loss {asked['level']:g}")
    return lines


def _resolution_lines(resolves: dict[str, Any]) -> list[str]:
    """Return what effects the study can tell from nothing, four times of five."""
    tau = (
        f"a rank correlation with the gap below {resolves['kendall_tau']:.2f} is not told from none "
        f"(more where runs of a seed are alike)"
    )
    ratio = resolves["ratio"]
    if ratio is None:
        return [tau]
    if not math.isfinite(ratio):
        return [f"fewer than {MIN_SEEDS} seeds: neither ratios nor correlations have an interval, add --seeds"]
    return [
        f"a ratio of sharpness below {ratio:.2f} is not told from 1 (at a spread of {resolves['spread']:g} a seed)",
        tau,
    ]


def _kind(cell: Cell) -> tuple[Any, ...]:
    """Return what two runs share whose steps and products cost the same an example."""
    return (cell.dataset, cell.model, cell.model_option, cell.train_examples)


def _costs(config: StudyConfig, cell: Cell, device: torch.device) -> dict[str, float]:
    """Return seconds of an example's gradient, of an evaluation of both sets and of a product, and the parameters.

    All are timed on a few examples and scaled to what the study has.
    """
    dataset, dtype = dataset_of(config, cell), getattr(torch, config.dtype)
    model = model_of(config, cell, dataset).to(device, dtype)
    problem = Problem(model, loss_of(config), tuple(each[:PROBE] for each in dataset.train))
    hessian, v = Hessian(problem, memory=held_memory(device)), torch.randn(problem.num_parameters)
    tried, (trained, tested) = problem.num_examples, (len(each[0]) for each in (dataset.train, dataset.test))
    evaluation = _seconds(problem.evaluate) / tried
    most = config.examples or trained
    return {
        "parameters": problem.num_parameters,
        "product": _seconds(lambda: hessian @ v) / tried * min(most, trained),
        "evaluation": evaluation * (trained + tested),
        "slice_point": evaluation * (min(most, trained) + min(config.examples or tested, tested)),
        "gradient_per_example": _seconds(problem.gradient) / tried,
    }


def _training_seconds(config: StudyConfig, cell: Cell, costs: dict[str, float]) -> float:
    examples = len(dataset_of(config, cell).train[0])
    batch = examples if cell.batch_size == "full" else int(cell.batch_size)
    per_epoch = -(-examples // batch)
    epochs = config.epochs if config.steps is None else config.steps / per_epoch
    # small batches are slower an example, and a step costs half a millisecond of calls whatever its size
    step = 1.5 * costs["gradient_per_example"] * min(batch, examples) + 5e-4
    return epochs * (per_epoch * step + costs["evaluation"])


def _seconds(work: Callable[[], Any]) -> float:
    """Return the seconds of the second of two calls: the first pays for starting up."""
    work()
    start = time.perf_counter()
    work()
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter() - start


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
