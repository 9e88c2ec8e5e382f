"""The runs that a study is made of."""

import dataclasses
import itertools
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from landscape.errors import UsageError
from landscape.references import is_reference
from landscape.registry import optimizers
from landscape.study.config import StudyConfig
from landscape.study.folder import plain_name
from landscape.study.fraction import drawn
from landscape.study.keys import FACTORS
from landscape.study.option_levels import Level, combinations, is_factor, level_word, own_table, shared_table, varied

DEFAULT_LR = {
    **dict.fromkeys(("sgd", "heavy_ball", "nesterov", "sam", "asam"), (0.01, 0.02, 0.05)),
    **dict.fromkeys(("adam", "adamw", "nadam", "radam", "muon", "soap"), (1e-3, 2e-3, 5e-3)),
    "rmsprop": (3e-4, 1e-3, 3e-3),
    "adagrad": (0.01, 0.02, 0.05),
    "lion": (1e-4, 3e-4, 1e-3),
}

MOST_RUNS = 100_000
"""Runs of one study: ten times what its folder and report were tried with."""


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
        dataset: Data set.
        model_option: The levels of the network's options that have levels.
        optimizer_option: Likewise of the optimizer.
        option_rank: Place among the combinations of levels that are this optimizer's own: runs are paired by it.
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
    dataset: str = "digits"
    model_option: Level = ()
    optimizer_option: Level = ()
    option_rank: int = 0
    checkpoint: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as plain JSON types."""
        return asdict(self)


@dataclass(frozen=True)
class Setting:
    """What the runs of all optimizers share, or are paired by: one point of the product of the factors."""

    values: dict[str, Any]
    model_option: Level
    optimizer_option: Level
    option_rank: int
    lr_rank: int

    @property
    def options(self) -> dict[str, Any]:
        """The level of each option that has levels."""
        return dict(self.model_option) | dict(self.optimizer_option)

    def levels(self, options: Sequence[str]) -> tuple[Any, ...]:
        """Return the level of each factor, for a balanced draw; of options that this network has not, None."""
        return (*self.values.values(), *(self.options.get(each) for each in options), self.option_rank, self.lr_rank)


def cells(config: StudyConfig) -> list[Cell]:
    """Return the runs of a study: the product of its factors, or a part of it, in the order in which they are run.

    Seeds vary slowest, so that a study cut short holds whole pairs.

    Raises:
        UsageError: If an optimizer has no learning rate, or there are more runs than `MOST_RUNS`.
    """
    if config.checkpoint:
        return _checkpoint_cells(config)
    _refuse_too_many(config)
    seeds = range(config.seed, config.seed + config.seeds)
    rates = {name: learning_rates(config, name) for name in config.optimizer}
    own = {name: combinations(own_table(config.optimizer_option, name)) for name in config.optimizer}
    chosen = settings(config, max(map(len, own.values())), max(map(len, rates.values())))
    # by what they share, then by optimizer
    chosen.sort(key=lambda each: (each[0], each[1].option_rank, each[1].lr_rank))
    return [
        _cell(config, name, rates[name][each.lr_rank], seed, each, own[name][each.option_rank])
        for seed in seeds
        for _, same in itertools.groupby(chosen, key=lambda each: each[0])
        for group in [[each for _, each in same]]
        for name in config.optimizer
        for each in group
        if each.option_rank < len(own[name]) and each.lr_rank < len(rates[name])
    ]


def _refuse_too_many(config: StudyConfig) -> None:
    """Refuse a product that nobody means, before it is written out."""
    networks = [
        _count({**shared_table(config.model_option), **own_table(config.model_option, name)}) for name in config.model
    ]
    trained = [
        _count({**shared_table(config.optimizer_option), **own_table(config.optimizer_option, name)})
        * max(1, len(config.lr.get(name, config.lr.get("*", ()))))
        for name in config.optimizer
    ]
    others = [len(getattr(config, name)) for name in FACTORS if name != "model"]
    count = math.prod([sum(networks), sum(trained), *others, len(config.lr_factor), config.seeds])
    if count > MOST_RUNS:
        raise UsageError(f"The study has {count:,} runs; {MOST_RUNS:,} are the most. Give fewer levels or seeds.")


def _count(table: dict[str, Any]) -> int:
    return math.prod(len(each) for each in table.values() if is_factor(each))


def settings(config: StudyConfig, option_ranks: int, lr_ranks: int) -> list[tuple[int, Setting]]:
    """Return the settings that are run, each with the number of what all of its optimizers share."""
    every = []
    shared = itertools.product(*(getattr(config, name) for name in FACTORS))
    optimizer_options = combinations(shared_table(config.optimizer_option))
    numbers = itertools.count()
    for values in (dict(zip(FACTORS, each, strict=True)) for each in shared):
        table = {**shared_table(config.model_option), **own_table(config.model_option, values["model"])}
        for model_option, optimizer_option in itertools.product(combinations(table), optimizer_options):
            number = next(numbers)
            for ranks in itertools.product(range(option_ranks), range(lr_ranks)):
                every.append((number, Setting(values, model_option, optimizer_option, *ranks)))
    names = list(dict.fromkeys(name for _, each in every for name in each.options))
    kept = drawn([each.levels(names) for _, each in every], config.fraction, config.fraction_seed)
    return [every[index] for index in kept]


def factors(config: StudyConfig, cell: Cell) -> dict[str, Any]:
    """Return what a study can vary, by name, as a run has it: what has no place in it is None.

    Options of one optimizer have its name in front; optimizers are paired by the rank of these (``option_rank``).
    """
    options = dict(cell.model_option) | dict(cell.optimizer_option)
    result = {"lr": cell.lr, **{name: getattr(cell, name) for name in FACTORS}}
    ranked = False
    for name in (*varied(config.model_option), *varied(config.optimizer_option)):
        owner, _, plain = name.rpartition(".")
        if owner in config.model:
            result[plain] = level_word(options.get(plain)) if cell.model == owner else result.get(plain)
        elif owner:
            result[name] = level_word(options.get(plain)) if cell.optimizer == owner else None
            ranked = True
        else:
            result[name] = level_word(options.get(plain))
    return {**result, "option_rank": cell.option_rank} if ranked else result


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
        if not is_reference(optimizer):
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


def _cell(config: StudyConfig, optimizer: str, lr: float, seed: int, setting: Setting, own: Level) -> Cell:
    optimizer_option = tuple({**dict(setting.optimizer_option), **dict(own)}.items())
    values = setting.values
    named = [(name, values[name]) for name in FACTORS if len(getattr(config, name)) > 1]
    several = {name.rpartition(".")[2] for name in (*varied(config.model_option), *varied(config.optimizer_option))}
    named += [(name, level_word(each)) for name, each in setting.model_option + optimizer_option if name in several]
    words = [optimizer, f"lr{lr:g}" if float(f"{lr:g}") == lr else f"lr{lr!r}"]
    words += [*(f"{name}{each}" for name, each in named), f"seed{seed}"]
    return Cell(
        plain_name("-".join(words)),
        optimizer,
        lr,
        setting.lr_rank,
        seed,
        **values,
        model_option=setting.model_option,
        optimizer_option=optimizer_option,
        option_rank=setting.option_rank,
    )


def _checkpoint_cells(config: StudyConfig) -> list[Cell]:
    values = {name: getattr(config, name)[0] for name in FACTORS}
    result = []
    for given in config.checkpoint:
        name, equals, path = ("", "", given) if _is_file(given) else given.rpartition("=")
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


def _is_file(name: str) -> bool:
    """Return whether there is such a file.

    Raises:
        UsageError: If no file can be called that.
    """
    try:
        Path(name).resolve()
        return Path(name).exists()
    except (OSError, ValueError) as error:
        raise UsageError(f"No checkpoint can be called {name[:60]!r}: {error}.") from None


def _repeated(labels: list[str]) -> str:
    return next(label for label in labels if labels.count(label) > 1)
