"""What a study is: one table of keys that the command line, the environment and study.toml share."""

import dataclasses
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from landscape.errors import UsageError, suggest
from landscape.study import parsers
from landscape.study.parsers import Parser
from landscape.study.toml_text import quote, toml_value


def _key(default: Any, parser: Parser, help: str, metavar: str = "NAME") -> Any:
    metadata = {"parser": parser, "help": help, "metavar": metavar}
    if isinstance(default, dict):
        return dataclasses.field(default_factory=lambda: dict(default), metadata=metadata)
    return dataclasses.field(default=default, metadata=metadata)


MEASURES = ("top_eigenvalue", "power_iteration_top_eigenvalue", "trace", "preconditioned_top_eigenvalue")


@dataclass(frozen=True)
class StudyConfig:
    """Every key of a study with its checked value; keys that hold tuples of settings are factors: they multiply."""

    dataset: str = _key("digits", parsers.word, "Data set; see `landscape list datasets`.")
    dataset_option: dict[str, Any] = _key({}, parsers.options, "Option of the data set.", "KEY=VALUE")
    data: str | None = _key(
        None, parsers.optional(parsers.word), "Your own data instead: a factory of (train, test).", "FILE.py:FACTORY"
    )
    data_dir: str | None = _key(None, parsers.optional(parsers.word), "Where data sets lie.", "DIR")
    subset: str | None = _key(
        None,
        parsers.optional(parsers.one_of("first", "balanced")),
        "How --train-examples chooses; by default digits takes the first, others a class-balanced draw.",
        "first|balanced",
    )
    train_examples: tuple[int | None, ...] = _key(
        (None,), parsers.several(parsers.optional(parsers.integer(1))), "Training examples; all by default.", "N"
    )
    label_noise: tuple[float, ...] = _key(
        (0.0,), parsers.several(parsers.fraction), "Share of training labels made wrong.", "F"
    )
    model: tuple[str, ...] = _key(
        ("cnn",), parsers.several(parsers.word), "Network: a name, torchvision:NAME or FILE.py:FACTORY."
    )
    model_option: dict[str, Any] = _key({}, parsers.options, "Option of the network.", "KEY=VALUE")
    loss: str = _key("cross_entropy", parsers.word, "cross_entropy, half_squared, mse or FILE.py:LOSS.")
    optimizer: tuple[str, ...] = _key(
        ("sgd", "adam"), parsers.several(parsers.word), "Optimizer; the first is the one compared with."
    )
    lr: dict[str, tuple[float, ...]] = _key(
        {}, parsers.by_optimizer(parsers.positive), "Learning rates, for all or one optimizer.", "[NAME=]X,Y"
    )
    lr_factor: tuple[float, ...] = _key(
        (1.0,),
        parsers.several(parsers.positive),
        "Factors on every learning rate; 0.1,0.5,1,2,10 shows how sensitive the result is.",
        "X,Y",
    )
    optimizer_option: dict[str, Any] = _key(
        {}, parsers.options, "Option of every optimizer, or of one.", "[NAME.]KEY=VALUE"
    )
    tune: int | None = _key(
        None,
        parsers.optional(parsers.integer(1)),
        "Draw so many configurations for each optimizer, train them, and take the best on validation examples.",
        "N",
    )
    tune_range: dict[str, Any] = _key(
        {},
        parsers.options,
        "Range to draw from, for all or one optimizer; see `landscape list searches`.",
        "[NAME.]KEY=LOW,HIGH",
    )
    weight_decay: tuple[float | None, ...] = _key(
        (None,), parsers.several(parsers.optional(parsers.non_negative)), "Weight decay of every optimizer.", "X"
    )
    batch_size: tuple[int | str, ...] = _key(
        (64,), parsers.several(parsers.batch_size), "Examples per training step.", "N|full"
    )
    epochs: int = _key(30, parsers.integer(1), "Length of training in epochs.", "N")
    steps: int | None = _key(None, parsers.optional(parsers.integer(1)), "Length in steps instead.", "N")
    schedule: str = _key(
        "constant", parsers.one_of("constant", "cosine", "step"), "Learning rate over time.", "constant|cosine|step"
    )
    warmup: int = _key(0, parsers.integer(0), "Linear warm-up, in epochs (in steps with --steps).", "N")
    clip_norm: float | None = _key(None, parsers.optional(parsers.positive), "Clip gradients to this norm.", "X")
    population: str = _key(
        "auto",
        parsers.one_of("auto", "on", "off"),
        "Train seeds and learning rates of an optimizer as one batched model; auto: where networks are small.",
        "auto|on|off",
    )
    amp: str | None = _key(
        None, parsers.optional(parsers.one_of("bf16")), "Mixed precision of training; measurements keep theirs.", "bf16"
    )
    compile: bool = _key(False, parsers.truth, "Train through torch.compile.", "true|false")
    max_batch: int | None = _key(
        None,
        parsers.optional(parsers.integer(1)),
        "Most examples in one pass of training (2048); a larger batch goes through in chunks.",
        "N",
    )
    seeds: int = _key(5, parsers.integer(1), "Runs of each setting, paired across optimizers.", "N")
    seed: int = _key(0, parsers.integer(0), "First seed.", "N")
    keep_checkpoints: int = _key(
        0, parsers.integer(0), "Weights to keep along training, evenly spaced, with both ends.", "N"
    )
    average: tuple[str, ...] = _key(
        (),
        parsers.several(parsers.average),
        "Average of the weights to measure too: moving (ema:0.999), or of the last epochs (swa:0.75).",
        "KIND:X",
    )
    target_loss: float = _key(
        0.05, parsers.positive, "Training loss at which minima are compared (and speed is measured).", "X"
    )
    target_accuracy: float = _key(0.95, parsers.fraction, "Test accuracy to which speed is measured.", "X")
    checkpoint: tuple[str, ...] = _key(
        (),
        parsers.several(parsers.word, split=False),
        "Existing minimum instead of training; repeat for more.",
        "[NAME=]PATH",
    )
    measures: tuple[str, ...] = _key(
        MEASURES, parsers.several(parsers.word), "Measures; see `landscape list measures`.", "A,B"
    )
    measure_option: dict[str, Any] = _key({}, parsers.options, "Option of a measure.", "MEASURE.KEY=VALUE")
    rtol: float | None = _key(
        None, parsers.optional(parsers.positive), "Tolerance of every measure; by default each its own.", "X"
    )
    examples: int | None = _key(
        None, parsers.optional(parsers.integer(1)), "Examples to measure and to slice on; all by default.", "N"
    )
    move: tuple[str, ...] = _key(
        (), parsers.several(parsers.one_of("rescaled", "balanced")), "Rescale neurons, and measure again.", "A,B"
    )
    surface_points: int = _key(31, parsers.integer(0), "Grid points a side of the slices, odd; 0 for none.", "N")
    surface_radius: float = _key(1.0, parsers.positive, "Half-width of the slices, in filter norms.", "X")
    device: str = _key("auto", parsers.word, "auto, cpu, cuda, cuda:1 or mps.")
    dtype: str = _key("float32", parsers.one_of("float32", "float64"), "Precision.", "float32|float64")
    resamples: int = _key(2000, parsers.integer(100), "Bootstrap resamples of the intervals.", "N")

    @property
    def stops(self) -> tuple[str, ...]:
        """The points of each run that are measured: at the matched loss, at the end, and averages of the weights."""
        return ("matched", "end", *self.average)


KEYS = {each.name: each for each in dataclasses.fields(StudyConfig)}


def resolve(*sources: tuple[str, Mapping[str, Any]]) -> StudyConfig:
    """Return the configuration of several sources, the first one winning.

    Args:
        *sources: (how to call it in messages, its keys): flags, then the environment, then study.toml.

    Raises:
        UsageError: If a key is unknown or its value of the wrong kind.
    """
    values: dict[str, Any] = {}
    for name, keys in reversed(sources):
        for key, value in keys.items():
            parsed = _parse(name, key, value)
            values[key] = _merged(values.get(key, {}), parsed) if isinstance(parsed, dict) else parsed
    config = StudyConfig(**values)
    _check_together(config)
    return config


def read_toml(path: Path) -> dict[str, Any]:
    """Return the keys of a study.toml.

    Raises:
        UsageError: If it cannot be read or is not TOML.
    """
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(f"Cannot read {path}: {error.strerror}.") from error
    except ValueError as error:
        raise UsageError(f"{path} is not TOML: {error}.") from error


def to_toml(config: StudyConfig) -> str:
    """Return the configuration as TOML that `read_toml` and `resolve` take back to the same one."""
    plain = {key: value for key, value in dataclasses.asdict(config).items() if value not in (None, {}, (None,))}
    lines = [f"{key} = {toml_value(value)}" for key, value in plain.items() if not isinstance(value, dict)]
    for key, table in plain.items():
        if isinstance(table, dict):
            lines += ["", f"[{key}]", *(f"{quote(name)} = {toml_value(each)}" for name, each in table.items())]
    return "\n".join(lines) + "\n"


def differences(old: StudyConfig, new: StudyConfig) -> list[str]:
    """Return a line for each key in which two configurations differ; where data lie makes no difference."""
    pairs = [(key, getattr(old, key), getattr(new, key)) for key in KEYS if key != "data_dir"]
    return [f"{key}: {_plain(a)} there, {_plain(b)} here" for key, a, b in pairs if a != b]


def _merged(weaker: dict[str, Any], stronger: dict[str, Any]) -> dict[str, Any]:
    """Return two tables as one, entry by entry; what the stronger says for all replaces the weaker for one."""
    if "*" in stronger:
        return dict(stronger)
    shared = {name for name, each in stronger.items() if not isinstance(each, dict)}
    result = {
        name: {key: each for key, each in table.items() if key not in shared} if isinstance(table, dict) else table
        for name, table in weaker.items()
    }
    for name, each in stronger.items():
        old = result.get(name)
        result[name] = {**old, **each} if isinstance(old, dict) and isinstance(each, dict) else each
    return result


def _parse(source: str, key: str, value: Any) -> Any:
    if key not in KEYS:
        raise UsageError(f"{source} has an unknown key {key!r}.{suggest(key, KEYS)} Known: {', '.join(KEYS)}.")
    try:
        return KEYS[key].metadata["parser"](value)
    except ValueError as error:
        raise UsageError(f"{source}: {key} must be {error}; it is {_plain(value)}.") from None


_NOT_EMPTY = (
    "optimizer",
    "model",
    "measures",
    "batch_size",
    "train_examples",
    "label_noise",
    "weight_decay",
    "lr_factor",
)


def _check_search(config: StudyConfig) -> None:
    if config.tune_range and not config.tune:
        raise UsageError("tune_range says what a search draws from, but there is none. Add --tune N.")
    if not config.tune:
        return
    if config.checkpoint:
        raise UsageError("A search trains; checkpoints are trained already. Leave out --tune.")
    if config.lr:
        raise UsageError(
            f"A search draws the learning rates, so none can be given. Give their range instead: "
            f"--tune-range {config.optimizer[0]}.lr=LOW,HIGH."
        )
    for name, each in config.tune_range.items():
        if isinstance(each, dict) and name not in config.optimizer:
            raise UsageError(
                f"A range is given for {name!r}, which is not among the optimizers ({', '.join(config.optimizer)})."
                f"{suggest(name, config.optimizer)}"
            )


def _check_together(config: StudyConfig) -> None:
    _check_search(config)
    for key in _NOT_EMPTY:
        if not getattr(config, key):
            raise UsageError(f"{key} is empty: nothing to do. Name at least one.")
    if config.surface_points and (config.surface_points < 3 or config.surface_points % 2 == 0):
        raise UsageError(
            f"surface_points must be odd, so that the minimum lies on the grid; it is {config.surface_points}. "
            f"Try {max(config.surface_points | 1, 3)}."
        )
    tables = [name for name, each in config.optimizer_option.items() if isinstance(each, dict)]
    for name in tables:
        if name not in config.optimizer:
            raise UsageError(
                f"Options are given for {name!r}, which is not among the optimizers ({', '.join(config.optimizer)})."
                f"{suggest(name, config.optimizer)}"
            )
    own = [config.optimizer_option, *(config.optimizer_option[name] for name in tables)]
    if config.weight_decay != (None,) and any("weight_decay" in table for table in own):
        raise UsageError("Weight decay is given twice: as weight_decay and as an optimizer option. Keep one.")
    for name, options in config.measure_option.items():
        if not isinstance(options, dict):
            raise UsageError(
                f"measure_option {name!r} names no measure. Write MEASURE.KEY=VALUE, as in trace.rtol=0.1."
            )
    strangers = [name for name in config.lr if name != "*" and name not in config.optimizer]
    if strangers and not config.checkpoint:
        raise UsageError(
            f"lr is given for {strangers[0]!r}, which is not among the optimizers ({', '.join(config.optimizer)})."
            f"{suggest(strangers[0], config.optimizer)}"
        )


def _plain(value: Any) -> str:
    if isinstance(value, tuple | list):
        return ", ".join(_plain(each) for each in value) or "nothing"
    return "nothing" if value in (None, {}) else repr(value) if isinstance(value, str) else str(value)
