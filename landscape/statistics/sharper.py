"""Is one optimizer's minimum sharper than the other's? The evidence, one quantity at a time."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache, partial
from typing import Any

from landscape.statistics.learning_rate_effect import learning_rate_effect
from landscape.statistics.matched_loss import comparable
from landscape.statistics.meaning import Meaning, quantities
from landscape.statistics.multiple_comparisons import holm
from landscape.statistics.pairing import find_pairs
from landscape.statistics.reading import END, MATCHED, Run

SHARPER, FLATTER, UNDECIDED, CHANGES = "sharper", "flatter", "undecided", "changes sides"


@dataclass(frozen=True)
class Matching:
    """How many of the pairs of two optimizers were taken at the matched training loss."""

    pairs: int
    matched: int

    @property
    def stop(self) -> str:
        """Where the two optimizers are compared: at the end only where nothing matched."""
        return MATCHED if self.matched else END

    @property
    def there(self) -> int:
        """How many pairs should have measurements where they are compared."""
        return self.matched or self.pairs

    @property
    def too_few(self) -> bool:
        """Whether most pairs are missing: those left are then a selection, not a sample."""
        return 0 < 2 * self.matched < self.pairs


@dataclass(frozen=True)
class Comparison:
    """One quantity of one optimizer against the first.

    Attributes:
        meaning: How its measure is read.
        pooled: Its record over all learning rates, with a ratio.
        pairs: How many pairs it should rest on.
        by_rate: Its records for each rank of the learning rates; empty with a single one.
        by_level: Its records for each level of each other factor that pairs share, by factor.
        p_value: Corrected for the number of comparisons; None without an interval.
        learning_rate: Factor by which the learning rate alone moves it, by optimizer.
    """

    meaning: Meaning
    pooled: Mapping[str, Any]
    pairs: int
    by_rate: tuple[Mapping[str, Any], ...]
    p_value: float | None
    learning_rate: Mapping[str, float]
    by_level: Mapping[str, tuple[Mapping[str, Any], ...]] = field(default_factory=dict)

    @property
    def answer(self) -> str:
        """Sharper or flatter where the corrected p-value allows it and no level of a factor says the opposite."""
        if self.mostly_missing:
            return UNDECIDED
        if self.changes_with:
            return CHANGES
        if self.p_value is None or self.p_value >= 1 - self.pooled["confidence"]:
            return UNDECIDED
        return SHARPER if _side(self.pooled) == self.meaning.sign else FLATTER

    @property
    def changes_with(self) -> tuple[str, ...]:
        """Factors between whose levels the side changes, whatever the ratio over all pairs says.

        A level has a side where its interval excludes 1, of factors other than the learning rate after correction for
        the number of levels (Holm).
        """
        sides = {"lr": {_side(record) for record in self.by_rate}}
        sides |= {factor: {_corrected_side(each) for each in records} for factor, records in self.by_level.items()}
        pooled = _side(self.pooled)
        return tuple(factor for factor, own in sides.items() if len((own | {pooled}) - {0}) > 1)

    @property
    def mostly_missing(self) -> bool:
        """Whether most pairs lack a converged value: what converges is then a selection."""
        return 2 * int(self.pooled["pairs"]) < self.pairs

    @property
    def lost_to_correction(self) -> bool:
        """Whether its own interval excludes 1 and only the correction for several comparisons undoes that."""
        return self.answer == UNDECIDED and not self.mostly_missing and _side(self.pooled) != 0

    @property
    def moved_more_by_learning_rate(self) -> bool:
        """Whether the learning rate alone moves the measure by more than the optimizer does."""
        ratio: float = self.pooled["ratio"]
        return max(self.learning_rate.values(), default=1.0) > max(ratio, 1 / ratio)


def matching(runs: Sequence[Run], other: str, first: str) -> Matching:
    """Return how many pairs two optimizers have, and how many of them were taken at the matched training loss."""
    pairs, _ = find_pairs(runs, other, first)
    both = [comparable(pair.numerator, MATCHED) and comparable(pair.denominator, MATCHED) for pair in pairs]
    return Matching(len(pairs), sum(both))


def all_matching(runs: Sequence[Run], optimizers: Sequence[str]) -> dict[str, Matching]:
    """Return the same of every optimizer but the first, against the first."""
    return {other: matching(runs, other, optimizers[0]) for other in optimizers[1:]}


def compare(
    runs: Sequence[Run],
    relations: Mapping[str, Any],
    measures: Sequence[Meaning],
    optimizers: Sequence[str],
    matched: Mapping[str, Matching],
) -> dict[str, list[Comparison]]:
    """Return, by optimizer, its comparisons with the first: one for each quantity that has a ratio.

    Their p-values are corrected for the number of all comparisons made (Holm).

    Args:
        runs: The ``runs`` of ``report.json``.
        relations: What ``relate`` returned for them.
        measures: How each measure is read.
        optimizers: Names, the first is what the others are compared with.
        matched: What `all_matching` returned for them.

    Returns:
        An entry for each optimizer but the first, empty where no ratio is defined.
    """
    effect = cache(partial(learning_rate_effect, runs))
    made = [
        (other, comparison)
        for other in optimizers[1:]
        for group in quantities(measures)
        if (comparison := _compare(effect, relations, group, other, optimizers[0], matched[other])) is not None
    ]
    corrected = holm([comparison.p_value for _, comparison in made])
    grouped: dict[str, list[Comparison]] = {other: [] for other in optimizers[1:]}
    for (other, comparison), p_value in zip(made, corrected, strict=True):
        grouped[other].append(replace(comparison, p_value=p_value))
    return grouped


def _compare(
    effect: Callable[[str, str, str], float | None],
    relations: Mapping[str, Any],
    group: list[Meaning],
    other: str,
    first: str,
    found: Matching,
) -> Comparison | None:
    """The best measured of the measures of one quantity, not yet corrected."""
    stop = found.stop
    records = [
        record
        for record in relations.get(stop, {}).get("ratios", [])
        if (record["numerator"], record["denominator"]) == (other, first) and record["ratio"] is not None
    ]
    for meaning in sorted(group, key=lambda each: _interval_missing(records, each)):
        own = [record for record in records if record["measure"] == meaning.measure]
        pooled = [record for record in own if record["pairing"] == "all"]
        if pooled:
            effects = {name: effect(stop, meaning.measure, name) for name in (first, other)}
            known = {name: each for name, each in effects.items() if each is not None}
            by_rate = tuple(record for record in own if record["pairing"] != "all")
            levels = _by_level(relations.get(stop, {}), meaning.measure, other, first)
            return Comparison(meaning, pooled[0], found.there, by_rate, pooled[0]["p_value"], known, levels)
    return None


def _by_level(
    related: Mapping[str, Any], measure: str, other: str, first: str
) -> dict[str, tuple[Mapping[str, Any], ...]]:
    """The records with a ratio for each level of a factor, by factor."""
    found: dict[str, tuple[Mapping[str, Any], ...]] = {}
    for record in related.get("ratios_by_level", []):
        asked = (record["measure"], record["numerator"], record["denominator"]) == (measure, other, first)
        if asked and record["ratio"] is not None:
            found[record["factor"]] = (*found.get(record["factor"], ()), record)
    return found


def _interval_missing(records: list[Mapping[str, Any]], meaning: Meaning) -> bool:
    return not any(
        record["measure"] == meaning.measure and record["pairing"] == "all" and record["low"] is not None
        for record in records
    )


def _side(record: Mapping[str, Any]) -> int:
    """1 where the interval is above 1, -1 where it is below, 0 where it holds 1 or there is none."""
    if record["low"] is None:
        return 0
    return int(record["low"] > 1) - int(record["high"] < 1)


def _corrected_side(record: Mapping[str, Any]) -> int:
    """The side of a level, 0 where the correction for the number of levels undoes it."""
    p_value = record["p_holm"]
    return 0 if p_value is None or p_value >= 1 - record["confidence"] else _side(record)
