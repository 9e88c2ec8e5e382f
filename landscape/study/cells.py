"""The runs that a study is made of."""

import dataclasses
import itertools
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from landscape.errors import UsageError
from landscape.registry import optimizers
from landscape.study.config import StudyConfig
from landscape.study.folder import plain_name

DEFAULT_LR = {
    **dict.fromkeys(("sgd", "heavy_ball", "nesterov", "sam", "asam"), (0.01, 0.02, 0.05)),
    **dict.fromkeys(("adam", "adamw", "nadam", "radam", "muon", "soap"), (1e-3, 2e-3, 5e-3)),
    "rmsprop": (3e-4, 1e-3, 3e-3),
    "adagrad": (0.01, 0.02, 0.05),
    "lion": (1e-4, 3e-4, 1e-3),
}
FACTORS = ("model", "batch_size", "weight_decay", "train_examples", "label_noise")


@dataclass(frozen=True)
class Cell:
    """One run: what is trained (or taken from a checkpoint) and measured.

    Attributes:
        id: Its folder under ``runs/``.
        optimizer: Name of the optimizer, or of the checkpoint.
        lr: Learning rate; None for a checkpoint.
        lr_rank: Place of ``lr`` among the learning rates of its optimizer: runs are paired by it.
        seed: Of initialisation and data order, which runs of one seed share.
        model: Network.
        batch_size: Examples a step, or ``"full"``.
        weight_decay: None leaves the optimizer's own.
        train_examples: None takes all.
        label_noise: Share of training labels made wrong.
        checkpoint: Where to take the weights from instead of training.
    """

    id: str
    optimizer: str
    lr: float | None
    lr_rank: int
    seed: int
    model: str
    batch_size: int | str
    weight_decay: float | None
    train_examples: int | None
    label_noise: float
    checkpoint: str | None = None

    def factors(self) -> dict[str, Any]:
        """Return what a study can vary, by name."""
        return {"lr": self.lr, **{name: getattr(self, name) for name in FACTORS}}

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as plain JSON types."""
        return asdict(self)


def cells(config: StudyConfig) -> list[Cell]:
    """Return the runs of a study: the product of its factors, in the order in which they are run.

    Seeds vary slowest, so that a study cut short holds whole pairs.

    Raises:
        UsageError: If an optimizer has no learning rate.
    """
    if config.checkpoint:
        return _checkpoint_cells(config)
    seeds = range(config.seed, config.seed + config.seeds)
    settings = itertools.product(*(getattr(config, name) for name in FACTORS))
    rates = [(name, rank, lr) for name in config.optimizer for rank, lr in enumerate(learning_rates(config, name))]
    return [
        _cell(config, name, lr, rank, seed, dict(zip(FACTORS, values, strict=True)))
        for seed, values, (name, rank, lr) in itertools.product(seeds, list(settings), rates)
    ]


def learning_rates(config: StudyConfig, optimizer: str) -> tuple[float, ...]:
    """Return the learning rates of an optimizer, each times every factor, ascending.

    Raises:
        UsageError: If none is given and there is no default.
    """
    products = {_tidy(lr * factor) for lr in _given_rates(config, optimizer) for factor in config.lr_factor}
    return tuple(sorted(products))


def _tidy(lr: float) -> float:
    """Return a product without the rounding of its last digits: 3 * 0.1 is 0.3."""
    return float(f"{lr:.12g}")


def _given_rates(config: StudyConfig, optimizer: str) -> tuple[float, ...]:
    if config.tune and optimizer not in config.lr:
        raise UsageError("The search for hyper-parameters is not finished. Run the same `landscape analyze` again.")
    rates = config.lr.get(optimizer) or config.lr.get("*") or DEFAULT_LR.get(optimizer)
    if not rates:
        optimizers[optimizer]  # refused here if there is no such optimizer: no learning rate would help it
        raise UsageError(f"No learning rate is given for {optimizer!r}. Type --lr {optimizer}=0.01 or so.")
    return tuple(sorted(rates))


def with_learning_rates(config: StudyConfig) -> StudyConfig:
    """Return the configuration with the learning rates of every optimizer written out, as its folder records it.

    Those of a search are drawn.

    Raises:
        UsageError: If an optimizer has no learning rate.
    """
    if config.checkpoint or config.tune:
        return config
    return dataclasses.replace(config, lr={name: _given_rates(config, name) for name in config.optimizer})


def _cell(config: StudyConfig, optimizer: str, lr: float, rank: int, seed: int, values: dict[str, Any]) -> Cell:
    varied = [f"{name}{values[name]}" for name in FACTORS if len(getattr(config, name)) > 1]
    words = [optimizer, f"lr{lr:g}" if float(f"{lr:g}") == lr else f"lr{lr!r}", *varied, f"seed{seed}"]
    return Cell(plain_name("-".join(words)), optimizer, lr, rank, seed, **values)


def _checkpoint_cells(config: StudyConfig) -> list[Cell]:
    values = {name: getattr(config, name)[0] for name in FACTORS}
    result = []
    for given in config.checkpoint:
        name, equals, path = ("", "", given) if Path(given).exists() else given.rpartition("=")
        label = name if equals else Path(path).stem
        if not label.strip("."):
            raise UsageError(f"A checkpoint cannot be called {label!r}. Name it: --checkpoint NAME=PATH.")
        result.append(
            Cell(plain_name(label), label, None, 0, config.seed, **values, checkpoint=str(Path(path).resolve()))
        )
    labels = [cell.id for cell in result]
    if len(set(labels)) < len(labels):
        raise UsageError(f"Two checkpoints are called {_repeated(labels)!r}. Name them: --checkpoint NAME=PATH.")
    return result


def _repeated(labels: list[str]) -> str:
    return next(label for label in labels if labels.count(label) > 1)
