"""Does sharpness explain the generalization gap? The evidence, one quantity at a time."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from landscape.statistics.matched_loss import comparable
from landscape.statistics.meaning import Meaning, quantities
from landscape.statistics.multiple_comparisons import holm
from landscape.statistics.reading import MATCHED, Run

ALL = "all"


@dataclass(frozen=True)
class Association:
    """One quantity and the gap, over all runs, within each optimizer, and within each data set and network of several.

    Attributes:
        meaning: How its measure is read.
        groups: Its correlation records, over all runs (``"all"``), then by optimizer, then by data set and network.
        p_value: Largest p-value of the groups, corrected for the number of quantities; None where one has none.
    """

    meaning: Meaning
    groups: Mapping[str, Mapping[str, Any]]
    p_value: float | None

    @property
    def sides(self) -> set[int]:
        """Which way sharper minima go in the groups: 1 a larger gap, -1 a smaller one, 0 the interval holds zero."""
        return {self.meaning.sign * side(record) for record in self.groups.values()}

    @property
    def answer(self) -> int:
        """1 where sharper minima have the larger gap in every group, -1 the smaller, 0 where the data do not tell."""
        if self.p_value is None or self.p_value >= 1 - self.groups[ALL]["confidence"] or len(self.sides) > 1:
            return 0
        return self.sides.pop()

    @property
    def lost_to_correction(self) -> bool:
        """Whether only the correction for several quantities undoes an answer."""
        return self.answer == 0 and self.p_value is not None and len(self.sides) == 1 and 0 not in self.sides

    @property
    def only_over_all(self) -> bool:
        """Whether the correlation is there over all runs but not within each group (Simpson's paradox)."""
        return side(self.groups[ALL]) != 0 and len(self.sides) > 1


def associate(
    runs: Sequence[Run], relations: Mapping[str, Any], measures: Sequence[Meaning], optimizers: Sequence[str], gap: str
) -> list[Association]:
    """Return the associations of the quantities with a gap at matched training loss, corrected for their number (Holm).

    The p-value of a quantity is the largest of its groups: a claim that holds over all runs and within each
    optimizer, data set and network is refuted as soon as one of them is, and such a test needs no correction for the
    number of groups.
    There is none where most runs of a group lack a converged value: what converges is then a selection.

    Args:
        runs: The ``runs`` of ``report.json``.
        relations: What ``relate`` returned.
        measures: How each measure is read.
        optimizers: Names of optimizers.
        gap: ``"gap_loss"`` or ``"gap_error"``.

    References:
        Berger (1982), Multiparameter hypothesis testing and acceptance sampling, Technometrics 24(4)
        (intersection-union tests).
    """
    related = relations.get(MATCHED, {})
    by_level = related.get("correlations_by_level", [])
    records = [*related.get("correlations", []), *by_level]
    there = [run for run in runs if comparable(run, MATCHED)]
    names = [run["optimizer"] for run in there]
    sizes = {ALL: len(names)} | {name: names.count(name) for name in optimizers}
    grounds = dict.fromkeys((each["factor"], each["level"]) for each in by_level)
    sizes |= {
        level: sum(str((run.get("factors") or {}).get(factor)) == level for run in there) for factor, level in grounds
    }
    made = []
    for group in quantities(measures):
        found = [_groups(records, each, sizes, gap) for each in group]
        choice = min(range(len(group)), key=lambda i: _worst_p(found[i], sizes) is None)
        if found[choice]:
            made.append(Association(group[choice], found[choice], _worst_p(found[choice], sizes)))
    corrected = holm([each.p_value for each in made])
    return [replace(each, p_value=p_value) for each, p_value in zip(made, corrected, strict=True)]


def unmatched(runs: Sequence[Run], optimizers: Sequence[str]) -> dict[str, tuple[int, int]]:
    """Return, by optimizer of whose runs most are not at the matched training loss: how many are, and of how many."""
    counts = {}
    for name in optimizers:
        own = [run for run in runs if run["optimizer"] == name]
        at_target = sum(comparable(run, MATCHED) for run in own)
        if 2 * at_target < len(own):
            counts[name] = (at_target, len(own))
    return counts


def side(record: Mapping[str, Any]) -> int:
    """Return 1 or -1 where the interval of Kendall's tau is above or below zero, 0 where it holds it or is missing."""
    tau = record["kendall"]
    return 0 if tau["low"] is None else int(tau["low"] > 0) - int(tau["high"] < 0)


def _groups(
    records: Sequence[Mapping[str, Any]], meaning: Meaning, names: Iterable[str], gap: str
) -> dict[str, Mapping[str, Any]]:
    own = {each["group"]: each for each in records if (each["measure"], each["gap"]) == (meaning.measure, gap)}
    return {name: own[name] for name in names if name in own}


def _worst_p(groups: Mapping[str, Mapping[str, Any]], sizes: Mapping[str, int]) -> float | None:
    p_values: list[float] = []
    for name, record in groups.items():
        if record["kendall"]["p_value"] is None or 2 * record["runs"] < sizes[name]:
            return None
        p_values.append(record["kendall"]["p_value"])
    return max(p_values, default=None)
