"""What is wrong with the keys of a study taken together."""

from landscape.errors import UsageError, suggest
from landscape.study.keys import FACTORS, StudyConfig
from landscape.study.option_levels import is_factor, shared_table, varied

_NOT_EMPTY = (
    "optimizer",
    "model",
    "measures",
    "batch_size",
    "train_examples",
    "label_noise",
    "weight_decay",
    "lr_factor",
    "target_loss",
    "dataset",
)


def _check_search(config: StudyConfig) -> None:
    if config.tune_range and not config.tune:
        raise UsageError("tune_range says what a search draws from, but there is none. Add --tune N.")
    if not config.tune:
        return
    levels = [*varied(config.model_option), *varied(config.optimizer_option)]
    if levels:
        raise UsageError(
            f"A search is for one setting; {levels[0]} has several levels. Keep one, or run a study for each."
        )
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


def _check_primary(config: StudyConfig) -> None:
    """Refuse a primary question that the study cannot answer."""
    if config.primary_comparison is not None and config.primary_measure is None:
        raise UsageError(
            f"primary_comparison is {config.primary_comparison!r}, but by which measure? Name it: primary_measure = "
            f'"{config.measures[0] if config.measures else "top_eigenvalue"}".'
        )
    if config.primary is None:
        return
    measure, numerator, denominator = config.primary
    if measure not in config.measures:
        raise UsageError(
            f"primary_measure is {measure!r}, which is not among the measures of this study "
            f"({', '.join(config.measures)}).{suggest(measure, config.measures)}"
        )
    if config.checkpoint or len(config.optimizer) < 2:
        what = "checkpoints are given" if config.checkpoint else f"only {config.optimizer[0]} is trained"
        raise UsageError(f"A primary measure is compared between two optimizers, but {what}. Leave it out.")
    first, *others = config.optimizer
    if config.primary_comparison is None and len(others) > 1:
        raise UsageError(
            f"A primary measure needs the one comparison that it is about. Name it: "
            f'primary_comparison = "{others[0]}/{first}".'
        )
    if config.primary_comparison is not None and "/" not in config.primary_comparison:
        raise UsageError(
            f"primary_comparison is {config.primary_comparison!r}, which names no two optimizers. Write one over the "
            f'first: primary_comparison = "{others[0]}/{first}".'
        )
    for name in (numerator, denominator):
        if name not in config.optimizer:
            raise UsageError(
                f"primary_comparison names {name!r}, which is not among the optimizers ({', '.join(config.optimizer)})."
                f"{suggest(name, config.optimizer)}"
            )
    if denominator != first or numerator == first:
        raise UsageError(
            f"Every optimizer is compared with the first, {first}, so primary_comparison is one of "
            f"{', '.join(f'{other}/{first}' for other in others)}; it is {config.primary_comparison!r}."
        )


def _check_factors(config: StudyConfig) -> None:
    """Refuse levels that contradict each other, and parts of what is no product."""
    if config.data and len(config.dataset) > 1:
        raise UsageError("data is one factory of examples, and dataset names several sets. Keep one of the two.")
    for name, table in config.model_option.items():
        if isinstance(table, dict) and name not in config.model:
            raise UsageError(
                f"Options are given for {name!r}, which is not among the models ({', '.join(config.model)})."
                f"{suggest(name, config.model)}"
            )
    levels = [*varied(config.model_option), *varied(config.optimizer_option)]
    for name in levels:
        plain = name.rpartition(".")[2]
        if plain in FACTORS:
            raise UsageError(f"{plain} is a factor of its own: give its levels as {plain}, not as an option.")
        if levels.count(name) > 1:
            raise UsageError(f"{name} varies both as an option of networks and of optimizers. Vary one of them.")
    for table, what in ((config.model_option, "models"), (config.optimizer_option, "optimizers")):
        shared = {name for name, each in shared_table(table).items() if is_factor(each)}
        for owner, own in table.items():
            both = sorted(shared & own.keys()) if isinstance(own, dict) else []
            if both:
                raise UsageError(
                    f"{both[0]} has levels for all {what} and is given for {owner} alone too, so runs cannot be paired "
                    f"by it. Keep one of the two."
                )
    if config.checkpoint and (levels or config.fraction < 1):
        what = f"levels of {levels[0]}" if levels else "a fraction"
        raise UsageError(f"Checkpoints are trained already, so {what} cannot be chosen for them. Leave it out.")


def check_together(config: StudyConfig) -> None:
    """Refuse values that are each right but make no sense together.

    Raises:
        UsageError: If there are any.
    """
    for key in _NOT_EMPTY:
        if not getattr(config, key):
            raise UsageError(f"{key} is empty: nothing to do. Name at least one.")
    _check_search(config)
    _check_primary(config)
    _check_factors(config)
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
