"""Studies of made-up runs with a known truth, as the files of a run folder, for `landscape relate` to read."""

import json
import math
from pathlib import Path

import numpy as np

from landscape.store import sealed
from landscape.study.cells import Cell, cells
from landscape.study.config import StudyConfig, to_toml

TARGET = 0.05
MEASURES = ("top_eigenvalue", "trace", "fisher_rao", "adaptive_trace", "weight_norm", "margin")
LABELS = ("top eigenvalue", "trace", "Fisher-Rao norm", "adaptive trace", "weight norm", "margin")
SLOPES = (0.8, 0.5, 0.2, 0.0, 0.3, -0.3)
"""How much of the gap's standard noise goes into each measure."""

LARGE = StudyConfig(
    optimizer=("sgd", "adam", "adamw", "sam"),
    lr={"*": (0.001, 0.002, 0.005, 0.01, 0.02)},
    batch_size=(16, 32, 64, 128, 256),
    weight_decay=(0.0, 1e-4),
    train_examples=(250, 500, 750, 1000, 1300),
    seeds=10,
    measures=MEASURES,
    surface_points=0,
)
"""Ten thousand runs."""


def write_study(root: Path, config: StudyConfig, epochs: int = 10, seed: int = 0) -> int:
    """Write a finished study and return how many runs it has."""
    rng = np.random.default_rng(seed)
    root.mkdir(parents=True)
    (root / "study.toml").write_text(to_toml(config))
    (root / "environment.json").write_text(json.dumps({"created": "2026-01-01T00:00:00Z", "command": "synthetic"}))
    (root / "measures.json").write_text(json.dumps([_describe(*each) for each in zip(MEASURES, LABELS, strict=True)]))
    found = cells(config)
    for cell in found:
        _write(root / "runs" / cell.id, cell, epochs, rng)
    return len(found)


def _describe(name: str, label: str) -> dict[str, object]:
    sharp = name not in ("weight_norm", "margin")
    return {
        "name": name,
        "label": label,
        "symbol": "",
        "summary": "made up",
        "blind_spot": "everything",
        "quantity": label,
        "sign": int(sharp),
        "why_not": "" if sharp else "is not a sharpness",
    }


def _write(folder: Path, cell: Cell, epochs: int, rng: np.random.Generator) -> None:
    folder.mkdir(parents=True)
    common = rng.normal()
    gap = 0.2 + 0.01 * cell.lr_rank + 0.02 * common
    minima, rows = {}, []
    for stop, loss in (("matched", TARGET), ("end", 0.01)):
        minima[stop] = {
            "epoch": epochs,
            "step": 100,
            "train_loss": loss * (1 + 0.02 * rng.uniform(-1, 1)),
            "test_loss": loss + gap,
            "train_accuracy": 0.99,
            "test_accuracy": 0.99 - gap / 5 - 0.01 * abs(cell.lr_rank - 2),
            "test_examples": 10_000,
            "mismatch": 0.01 * rng.uniform(-1, 1) if stop == "matched" else None,
            "note": "",
        }
        for name, slope in zip(MEASURES, SLOPES, strict=True):
            log = (
                slope * common
                + math.sqrt(1 - slope**2) * rng.normal()
                + 0.3 * cell.lr_rank
                + 0.2 * (cell.optimizer == "adam")
            )
            rows.append(_measurement(stop, name, math.exp(log)))
    result = {"status": "finished", "message": "", "parameters": 1000, "minima": minima, "cost": None, "speed": None}
    (folder / "result.json").write_text(json.dumps(sealed(result)))
    (folder / "measurements.jsonl").write_text("".join(json.dumps(sealed(row)) + "\n" for row in rows))
    (folder / "history.jsonl").write_text("".join(json.dumps(_history(epoch, cell)) + "\n" for epoch in range(epochs)))


def _measurement(stop: str, name: str, value: float) -> dict[str, object]:
    return {
        "stop": stop, "measure": name, "value": value, "error": 1e-3 * value, "error_kind": "bound", "matvecs": 20,
        "examples": 1000, "dtype": "float32", "seed": 0, "seconds": 0.1, "converged": True, "reason": "", "caveat": "",
    }  # fmt: skip


def _history(epoch: int, cell: Cell) -> dict[str, object]:
    loss = 2.3 * math.exp(-0.4 * epoch)
    return {
        "epoch": epoch, "step": 20 * epoch, "seconds": 0.1 * epoch, "train_loss": loss, "test_loss": loss + 0.1,
        "train_accuracy": 0.9, "test_accuracy": 0.88, "gradient_norm": 1.0, "learning_rate": cell.lr,
    }  # fmt: skip
