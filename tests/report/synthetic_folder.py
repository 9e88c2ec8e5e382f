"""Run folders as a study writes them, with made-up but plausible numbers: the ordinary one and the odd ones."""

import copy
import math
from pathlib import Path
from typing import Any

import numpy as np

from landscape.statistics.trade_offs import trade_offs
from landscape.store import finite, write_arrays, write_json

MEASURES: list[dict[str, Any]] = [
    {
        "name": "top_eigenvalue",
        "label": "top eigenvalue (Lanczos)",
        "symbol": r"\lambda_1",
        "summary": "The largest eigenvalue of the Hessian, by Lanczos iteration on exact products.",
        "blind_spot": "One direction of many, and it changes when weights are rescaled without changing the function.",
    },
    {
        "name": "power_iteration_top_eigenvalue",
        "label": "top eigenvalue (power iteration)",
        "symbol": r"\lambda_1",
        "summary": "The same eigenvalue by power iteration, as a check.",
        "blind_spot": "What the Lanczos one cannot see, and eigenvalues of larger magnitude but negative sign.",
    },
    {
        "name": "trace",
        "label": "trace (Hutchinson)",
        "symbol": r"\operatorname{tr} H",
        "summary": "The sum of all eigenvalues, from random probes.",
        "blind_spot": "Whether one sharp direction or a thousand gentle ones make it up.",
    },
    {
        "name": "preconditioned_top_eigenvalue",
        "label": "preconditioned top eigenvalue",
        "symbol": r"\lambda_1(P^{-1/2} H P^{-1/2})",
        "summary": "The largest eigenvalue in the metric of the optimizer's own preconditioner.",
        "blind_spot": "Values of different optimizers live in different metrics.",
    },
]
SCALES = {
    "top_eigenvalue": 12.0,
    "power_iteration_top_eigenvalue": 12.0,
    "trace": 240.0,
    "preconditioned_top_eigenvalue": 9000.0,
}
LRS = {
    "sgd": [0.01, 0.03, 0.1],
    "adam": [3e-4, 1e-3, 3e-3],
    "rmsprop": [1e-4, 3e-4, 1e-3],
    "adamw": [2e-4, 2e-3, 4e-3],
}
TARGET = 0.05


def make_report(
    optimizers: tuple[str, ...] = ("sgd", "adam"),
    lrs: int = 3,
    seeds: int = 5,
    epochs: int = 20,
    measures: list[dict[str, Any]] | None = None,
    stops: tuple[str, ...] = ("matched", "end"),
) -> dict[str, Any]:
    """Return a report.json of the contract; numbers depend on the arguments only."""
    rng = np.random.default_rng(0)
    measures = MEASURES if measures is None else measures
    runs = [
        _run(rng, optimizer, rank, seed, epochs, measures, stops)
        for optimizer in optimizers
        for rank in range(lrs)
        for seed in range(seeds)
    ]
    report = {
        "format": 1,
        "landscape_version": "0.1.0",
        "created": "2026-03-01T12:00:00Z",
        "command": "landscape analyze --out demo",
        "title": "Adam against SGD on digits",
        "settings": {
            "dataset": "digits",
            "model": "cnn",
            "seeds": seeds,
            "epochs": epochs,
            "batch_size": 64,
            "lr.sgd": [0.01, 0.03, 0.1],
            "label_noise": 0.0,
        },
        "environment": {"python": "3.11.9", "torch": "2.13.0", "device": "cpu", "threads": 2},
        "verdict": {
            "sentences": [
                "Adam's minima are sharper than SGD's at the same training loss: the top Hessian eigenvalue is "
                "1.5 times larger (95 % interval 1.2 to 1.9).",
                "Sharpness does not explain the generalization gap here: no rank correlation has an interval "
                "that excludes zero within an optimizer.",
            ],
            "details": [
                "15 pairs of runs with the same seed and learning-rate rank, 5 seeds.",
                "Kendall's tau over all runs mixes the optimizers; within them it is near zero.",
            ],
        },
        "optimizers": list(optimizers),
        "measures": copy.deepcopy(measures),
        "runs": runs,
        "relations": {stop: _relations(rng, optimizers, measures, lrs, seeds) for stop in stops},
        "trade_offs": trade_offs(runs, optimizers),
        "surfaces": [],
    }
    return finite(report)


def _run(
    rng: np.random.Generator,
    optimizer: str,
    rank: int,
    seed: int,
    epochs: int,
    measures: list[dict[str, Any]],
    stops: tuple[str, ...],
) -> dict[str, Any]:
    lr = LRS[optimizer][rank]
    rate = 3.6 / epochs * (1 + 0.7 * rank) * (1.25 if optimizer != "sgd" else 1.0)
    epoch = np.arange(epochs + 1)
    train = 2.3 * np.exp(-rate * epoch) * np.exp(0.05 * rng.normal(size=epochs + 1)) + 0.002
    gap = 0.08 * (1 + 0.2 * rank) * (1 - np.exp(-0.4 * epoch)) * (1 + 0.15 * rng.normal())
    train_accuracy = np.clip(1 - 0.35 * train, 0.1, 1.0)
    test = train + gap
    test_accuracy = np.clip(train_accuracy - 0.3 * gap, 0.1, 1.0)
    seconds = epoch * (0.10 if optimizer == "sgd" else 0.13) * (1 + 0.05 * rng.normal())
    below = np.flatnonzero(train <= TARGET)
    reached = bool(len(below))
    crossing = int(below[0]) if reached else epochs
    history = {
        "epoch": epoch,
        "step": epoch * 21,
        "seconds": seconds,
        "train_loss": train,
        "test_loss": test,
        "train_accuracy": train_accuracy,
        "test_accuracy": test_accuracy,
        "gradient_norm": 3 * train,
        "learning_rate": np.full(epochs + 1, lr),
    }
    minima = {}
    for stop, index in (("matched", crossing), ("end", epochs)):
        if stop not in stops or (stop == "matched" and not reached):
            continue
        # Between epochs, the matched minimum is taken where the loss crosses the target, to a few per cent.
        at = TARGET * (1 + 0.03 * rng.uniform(-1, 1)) if stop == "matched" else train[index]
        minima[stop] = {
            "epoch": index,
            "step": index * 21,
            "train_loss": at,
            "test_loss": at + gap[index],
            "train_accuracy": train_accuracy[index],
            "test_accuracy": test_accuracy[index],
            "gap_loss": gap[index],
            "gap_error": train_accuracy[index] - test_accuracy[index],
            "gradient_norm": 3 * at,
            "measurements": {
                measure["name"]: _measurement(rng, measure["name"], optimizer, rank, seed) for measure in measures
            },
        }
        if stop == "matched":
            minima[stop]["mismatch"] = at / TARGET - 1
    speed = {
        "target": TARGET,
        "epochs": crossing - 0.4,
        "steps": crossing * 21,
        "examples": crossing * 1300,
        "seconds": seconds[crossing],
    }
    return {
        "id": f"{optimizer}-lr{lr:g}-seed{seed}",
        "optimizer": optimizer,
        "lr": lr,
        "lr_rank": rank,
        "seed": seed,
        "factors": {"lr": lr},
        "status": "finished",
        "message": "",
        "reached": reached,
        "history": history,
        "cost": {
            "seconds_per_epoch": seconds[-1] / epochs,
            "optimizer_bytes": 4000 * (4 if optimizer == "sgd" else 8),
            "parameters": 4000,
            "optimizer_bytes_per_parameter": 4.0 if optimizer == "sgd" else 8.0,
        },
        "speed": {
            "target_loss": speed if reached else None,
            "target_accuracy": {**speed, "target": 0.95, "epochs": crossing * 0.8} if reached else None,
        },
        "minima": minima,
    }


def _measurement(rng: np.random.Generator, name: str, optimizer: str, rank: int, seed: int) -> dict[str, Any]:
    scale = SCALES.get(name, 1.0)
    value = scale * (1.5 if optimizer != "sgd" else 1.0) * 2.0**-rank * math.exp(0.2 * rng.normal())
    stochastic = name not in {"top_eigenvalue", "power_iteration_top_eigenvalue"}
    return {
        "value": value,
        "error": value * (0.02 if stochastic else 4e-4),
        "error_kind": "standard error" if stochastic else "residual bound",
        "residual": None if stochastic else value * 4e-4,
        "matvecs": 40 if stochastic else 12,
        "examples": 1300,
        "dtype": "float32",
        "seed": seed,
        "seconds": 0.12,
        "converged": True,
        "caveat": "Evaluation mode: BatchNorm uses its running statistics.",
        "reason": "the residual is below rtol",
    }


def _relations(
    rng: np.random.Generator,
    optimizers: tuple[str, ...],
    measures: list[dict[str, Any]],
    lrs: int,
    seeds: int,
) -> dict[str, Any]:
    ratios = []
    for measure in measures:
        for other in optimizers[1:]:
            for pairing in ["all"] + [f"lr_rank {rank}" for rank in range(lrs)]:
                ratio = 1.5 * math.exp(0.1 * rng.normal())
                pairs = lrs * seeds if pairing == "all" else seeds
                spread = 1.2 / math.sqrt(pairs)
                ratios.append(
                    {
                        "measure": measure["name"],
                        "numerator": other,
                        "denominator": optimizers[0],
                        "pairing": pairing,
                        "pairs": pairs,
                        "seeds": seeds,
                        "ratio": ratio,
                        "low": ratio * math.exp(-spread),
                        "high": ratio * math.exp(spread),
                        "confidence": 0.95,
                        "probability_larger": 0.93,
                        "note": "",
                    }
                )
    correlations = []
    for measure in measures:
        for gap in ("gap_loss", "gap_error"):
            for group in ("all", *optimizers):
                tau = float(np.clip(0.3 * rng.normal(), -0.9, 0.9))
                correlations.append(
                    {
                        "measure": measure["name"],
                        "gap": gap,
                        "group": group,
                        "runs": lrs * seeds * (len(optimizers) if group == "all" else 1),
                        "seeds": seeds,
                        "kendall": {"value": tau, "low": max(-1, tau - 0.25), "high": min(1, tau + 0.25)},
                        "spearman": {"value": tau, "low": max(-1, tau - 0.3), "high": min(1, tau + 0.3)},
                        "confidence": 0.95,
                        "note": "",
                    }
                )
    return {"ratios": ratios, "correlations": correlations}


def write_folder(
    folder: Path, report: dict[str, Any], surfaces: int = 2, points: int = 31, stop: str = "matched"
) -> Path:
    """Write ``report`` and the planes of the first run of each optimizer; return the folder."""
    report = copy.deepcopy(report)
    for index, optimizer in enumerate(report["optimizers"][:surfaces]):
        run = next(run for run in report["runs"] if run["optimizer"] == optimizer)
        file = f"runs/run{index}/surfaces/plane.npz"
        write_arrays(folder / file, plane(points, 1.0 if index == 0 else 1.7, index))
        report["surfaces"].append(
            {
                "run": run["id"],
                "optimizer": optimizer,
                "stop": stop,
                "file": file,
                "seed": 0,
                "normalization": "filter",
                "points": points,
                "radius": 1.0,
                "examples": 1300,
                "parameters": 12345,
            }
        )
    write_json(folder / "report.json", report)
    return folder


def plane(points: int, curvature: float, index: int) -> dict[str, np.ndarray]:
    """Return a lopsided bowl with a ridge; its far corner is infinite for ``index`` 1."""
    a = b = np.linspace(-1.0, 1.0, points)
    A, B = np.meshgrid(a, b, indexing="ij")
    train = 0.05 + curvature * (6 * A**2 + 2 * B**2 + 1.5 * A * B) + 2.5 * np.maximum(A, 0) ** 3 * (1 + np.sin(4 * B))
    test = train + 0.08 + 0.3 * (A - 0.1) ** 2 + 0.1 * B**2
    if index == 1:
        train[-1, -1] = test[-1, -1] = np.inf
    return {
        "a": a,
        "b": b,
        "train_loss": train,
        "test_loss": test,
        "train_accuracy": np.clip(1 - 0.2 * train, 0.1, 1),
        "test_accuracy": np.clip(1 - 0.2 * test, 0.1, 1),
    }


def regression(report: dict[str, Any]) -> dict[str, Any]:
    """Return ``report`` without classes: every accuracy and every gap in error is null."""
    report = copy.deepcopy(report)
    for run in report["runs"]:
        for key in ("train_accuracy", "test_accuracy"):
            run["history"][key] = [None] * len(run["history"]["epoch"])
        run["speed"]["target_accuracy"] = None
        for minimum in run["minima"].values():
            minimum |= {"train_accuracy": None, "test_accuracy": None, "gap_error": None}
    for relation in report["relations"].values():
        relation["correlations"] = [row for row in relation["correlations"] if row["gap"] == "gap_loss"]
    report["trade_offs"] = trade_offs(report["runs"], report["optimizers"])
    return report


def nothing_reached(report: dict[str, Any]) -> dict[str, Any]:
    """Return ``report`` as when no run gets to the target loss."""
    report = copy.deepcopy(report)
    for run in report["runs"]:
        run["reached"] = False
        run["minima"].pop("matched", None)
        run["speed"]["target_loss"] = None
    report["relations"].pop("matched", None)
    report["trade_offs"] = trade_offs(report["runs"], report["optimizers"])
    return report


def diverged(report: dict[str, Any], index: int = 4, epochs: int = 2) -> dict[str, Any]:
    """Return ``report`` with one run that blew up after a few epochs."""
    report = copy.deepcopy(report)
    run = report["runs"][index]
    run["history"] = {key: values[: epochs + 1] for key, values in run["history"].items()}
    run["history"]["train_loss"][-1] = 4.2e17
    run["history"]["test_loss"][-1] = None
    run |= {"status": "diverged", "message": "loss above 1e+6 at epoch 2", "reached": False, "minima": {}}
    run["speed"] = {"target_loss": None, "target_accuracy": None}
    report["trade_offs"] = trade_offs(report["runs"], report["optimizers"])
    return report


def gaps_in_the_numbers(report: dict[str, Any]) -> dict[str, Any]:
    """Return ``report`` with missing measurements, null intervals and numbers that did not converge."""
    report = copy.deepcopy(report)
    for index, run in enumerate(report["runs"]):
        for minimum in run["minima"].values():
            row = minimum["measurements"]
            if index % 4 == 1:
                row["trace"] |= {"converged": False, "reason": "max_matvecs (40) reached"}
            if index % 5 == 2:
                row["top_eigenvalue"] |= {
                    "value": None,
                    "error": None,
                    "converged": False,
                    "reason": "the loss is not finite",
                }
            if index % 7 == 3:
                del row["power_iteration_top_eigenvalue"]
    for relation in report["relations"].values():
        for row in relation["ratios"]:
            row |= {"low": None, "high": None, "note": "too few seeds for an interval"}
        relation["ratios"][0]["ratio"] = None
        for row in relation["correlations"]:
            row["kendall"] |= {"low": None, "high": None}
        relation["correlations"][0]["kendall"] = {"value": None, "low": None, "high": None}
        relation["correlations"][1]["kendall"] = None
    return report


def searched(report: dict[str, Any]) -> dict[str, Any]:
    """Return ``report`` after a search: five draws for each optimizer, one diverged, the best at an edge of lr."""
    report = copy.deepcopy(report)
    spaces = {
        "sgd": {"lr": (1e-4, 1.0, False), "momentum": (0.0, 0.999, True)},
        "adam": {"lr": (1e-5, 0.1, False), "beta1": (0.0, 0.999, True), "eps": (1e-10, 1e-2, False)},
    }
    records = []
    for name in report["optimizers"]:
        space = spaces.get(name, spaces["sgd"])
        rows = []
        for index in range(5):
            values = {key: low + 0.1 * index * (high - low) for key, (low, high, _) in space.items()}
            lost = index == 4
            rows.append(
                {
                    "optimizer": name,
                    "index": index,
                    "values": values,
                    "options": {},
                    "status": "diverged" if lost else "finished",
                    "message": "The training loss is 1e9." if lost else "",
                    "validation_loss": None if lost else 0.5 + 0.1 * index,
                    "validation_accuracy": None if lost else 0.9 - 0.05 * index,
                    "train_loss": None if lost else 0.1,
                    "seconds": None if lost else 1.0,
                }
            )
        low = space["lr"][0]
        records.append(
            {
                "optimizer": name,
                "space": [
                    {"name": key, "low": low, "high": high, "complement": complement}
                    for key, (low, high, complement) in space.items()
                ],
                "fixed": {},
                "drawn": rows,
                "spent": 5,
                "failed": 1,
                "judged_by": "validation_accuracy",
                "best": 0,
                "picked": {"lr": low, "options": {}},
                "edges": [{"name": "lr", "side": "low", "value": low, "end": low}],
            }
        )
    report["search"] = {
        "budget": 5,
        "seed": 0,
        "training_examples": 1040,
        "validation_examples": 260,
        "optimizers": records,
    }
    return report


def many_measures(count: int = 14) -> list[dict[str, Any]]:
    """Return ``count`` measures, the later ones with long labels."""
    extra = [
        {
            "name": f"measure_{index}",
            "label": f"adaptive worst-case sharpness number {index} (ascent, 20 steps)",
            "symbol": rf"S_{{{index}}}",
            "summary": "Made up.",
            "blind_spot": "Everything.",
        }
        for index in range(count - len(MEASURES))
    ]
    return MEASURES + extra


HOSTILE = (
    '<img src=x onerror="alert(1)">&</script><script>alert(2)</script> \\input{x} $_^{}#%~ \x1b[31m \u4e2d\U0001f600'
)


def hostile(report: dict[str, Any]) -> dict[str, Any]:
    """Return ``report`` with markup in every place that a name or a sentence can have."""
    report = copy.deepcopy(report)
    report["title"] = report["command"] = HOSTILE
    report["settings"] = {HOSTILE: HOSTILE}
    report["environment"] = {HOSTILE: HOSTILE}
    report["verdict"] = {"sentences": [HOSTILE], "details": [HOSTILE]}
    renamed = {name: f"{HOSTILE}{index}" for index, name in enumerate(report["optimizers"])}
    report["optimizers"] = list(renamed.values())
    for measure in report["measures"]:
        measure |= {"label": HOSTILE, "symbol": r"\input{/etc/passwd}$", "summary": HOSTILE, "blind_spot": HOSTILE}
    for run in report["runs"]:
        run |= {"id": HOSTILE + run["id"], "optimizer": renamed[run["optimizer"]], "message": HOSTILE}
        for minimum in run["minima"].values():
            for row in minimum["measurements"].values():
                row |= {"caveat": HOSTILE, "reason": HOSTILE, "converged": False, "error_kind": HOSTILE}
    for row in report["trade_offs"]:
        row["optimizer"] = renamed[row["optimizer"]]
    for relation in report["relations"].values():
        for row in relation["ratios"]:
            row |= {"numerator": renamed[row["numerator"]], "denominator": renamed[row["denominator"]], "note": HOSTILE}
        for row in relation["correlations"]:
            row |= {"group": renamed.get(row["group"], row["group"]), "note": HOSTILE}
    return report
