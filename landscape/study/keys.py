"""The keys of a study: one table that the command line, the environment and study.toml share."""

import dataclasses
from dataclasses import dataclass
from typing import Any

from landscape.stops import END, MATCHED, epoch_stop, level_stop
from landscape.study import parsers
from landscape.study.option_levels import option_levels
from landscape.study.parsers import Parser


def _key(default: Any, parser: Parser, help: str, metavar: str = "NAME") -> Any:
    metadata = {"parser": parser, "help": help, "metavar": metavar}
    if isinstance(default, dict):
        return dataclasses.field(default_factory=lambda: dict(default), metadata=metadata)
    return dataclasses.field(default=default, metadata=metadata)


MEASURES = ("top_eigenvalue", "power_iteration_top_eigenvalue", "trace", "preconditioned_top_eigenvalue")


@dataclass(frozen=True)
class StudyConfig:
    """Every key of a study with its checked value; keys that hold tuples of settings are factors: they multiply."""

    dataset: tuple[str, ...] = _key(
        ("digits",), parsers.several(parsers.word), "Data set; see `landscape list datasets`."
    )
    dataset_option: dict[str, Any] = _key({}, parsers.options, "Option of the data set.", "KEY=VALUE")
    data: str | None = _key(
        None, parsers.optional(parsers.word), "Your own data instead: a factory of (train, test).", "FILE.py:FACTORY"
    )
    data_dir: str | None = _key(None, parsers.optional(parsers.folder), "Where data sets lie.", "DIR")
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
    model_option: dict[str, Any] = _key(
        {}, option_levels, "Option of every network, or of one; repeated, another level.", "[NAME.]KEY=VALUE"
    )
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
        {}, option_levels, "Option of every optimizer, or of one; repeated, another level.", "[NAME.]KEY=VALUE"
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
    fraction: float = _key(
        1.0, parsers.share, "Share of the settings to run: a balanced draw, the same for every optimizer and seed.", "F"
    )
    fraction_seed: int = _key(0, parsers.integer(0), "Seed of that draw.", "N")
    keep_checkpoints: int = _key(
        0, parsers.integer(0), "Weights to keep along training, evenly spaced, with both ends.", "N"
    )
    average: tuple[str, ...] = _key(
        (),
        parsers.several(parsers.average),
        "Average of the weights to measure too: moving (ema:0.999), or of the last epochs (swa:0.75).",
        "KIND:X",
    )
    target_loss: tuple[float, ...] = _key(
        (0.05,),
        parsers.several(parsers.positive),
        "Training loss at which minima are compared (and speed is measured); of several the first is the primary one.",
        "X,Y",
    )
    at_epoch: tuple[int, ...] = _key(
        (), parsers.several(parsers.integer(1)), "Epochs after which minima are measured too.", "N,M"
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
    primary_measure: str | None = _key(
        None, parsers.optional(parsers.word), "The one measure that the verdict answers first, uncorrected."
    )
    primary_comparison: str | None = _key(
        None, parsers.optional(parsers.word), "The one comparison that it is about, with the first optimizer.", "A/B"
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
    resamples: int = _key(2000, parsers.integer(100, 100_000), "Bootstrap resamples of the intervals.", "N")

    @property
    def stops(self) -> tuple[str, ...]:
        """The points of each run that are measured: at the matched loss, at the end, and those asked for beyond."""
        levels = [level_stop(each) for each in self.levels]
        return (MATCHED, END, *levels, *(epoch_stop(each) for each in self.at_epoch), *self.average)

    @property
    def primary(self) -> tuple[str, str, str] | None:
        """The primary measure, and the optimizers of its ratio; of two optimizers there is only one comparison."""
        if self.primary_measure is None:
            return None
        numerator, _, denominator = (self.primary_comparison or "/".join(self.optimizer[1::-1])).partition("/")
        return self.primary_measure, numerator.strip(), denominator.strip()

    @property
    def primary_loss(self) -> float:
        """The training loss that the matched minima are taken at."""
        return self.target_loss[0]

    @property
    def levels(self) -> tuple[float, ...]:
        """Training losses beyond the primary one, at which minima are compared too."""
        return self.target_loss[1:]


KEYS = {each.name: each for each in dataclasses.fields(StudyConfig)}

FACTORS = ("model", "batch_size", "weight_decay", "train_examples", "label_noise", "dataset")
"""Keys whose levels multiply and are shared by all optimizers; learning rates and options with levels do too."""
