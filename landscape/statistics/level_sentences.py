"""What other levels of the training loss say of the ratios at the primary one."""

from collections.abc import Mapping, Sequence
from typing import Any

from landscape.statistics.meaning import Meaning, listed, optimizer_words, plural, quantities
from landscape.statistics.reading import MATCHED, Run, minimum
from landscape.stops import is_further_level, level_of, level_stop, level_text


def about_levels(
    runs: Sequence[Run], relations: Mapping[str, Any], measures: Sequence[Meaning], levels: Sequence[float]
) -> list[str]:
    """Return how many runs reached each further level, and which ratios change sides between levels.

    Args:
        runs: The ``runs`` of ``report.json``.
        relations: What ``relate`` returned for them.
        measures: How each measure is read.
        levels: The further levels that the study asks for, reached or not.
    """
    if not levels or not runs:
        return []
    counts = {each: sum(minimum(run, level_stop(each)) is not None for run in runs) for each in levels}
    sentences = []
    for level in sorted(counts, reverse=True):
        if counts[level] < len(runs):
            found = "No run" if not counts[level] else f"{counts[level]} of {plural(len(runs), 'run')}"
            sentences.append(f"{found} reached training loss {level_text(level)}.")
    words = {each.measure: each.words for group in quantities(measures) for each in group[:1]}
    sides = _clear_sides(relations, words)
    if not sides:
        return sentences
    changing = [
        f"{optimizer_words(other)}'s {words[measure]} ({_where(found)})"
        for (other, measure), found in sides.items()
        if len(set(found.values())) > 1
    ]
    if changing:
        sentences.append(f"Between levels of training loss a clear ratio changes sides: {listed(changing, most=6)}.")
    else:
        sentences.append("No clear ratio changes sides between the levels of training loss; each stands alone there.")
    return sentences


def _clear_sides(relations: Mapping[str, Any], words: Mapping[str, str]) -> dict[tuple[str, str], dict[str, str]]:
    """The side of each ratio whose interval excludes 1, by optimizer and measure and then by stop."""
    found: dict[tuple[str, str], dict[str, str]] = {}
    for stop, related in relations.items():
        if stop != MATCHED and not is_further_level(stop):
            continue
        for row in related.get("ratios", []):
            low, high = row.get("low"), row.get("high")
            if row["pairing"] == "all" and row["measure"] in words and low is not None and (low > 1 or high < 1):
                side = "larger" if low > 1 else "smaller"
                found.setdefault((row["numerator"], row["measure"]), {})[stop] = side
    return found


def _where(sides: Mapping[str, str]) -> str:
    parts = []
    for side in dict.fromkeys(sides.values()):
        own = [stop for stop, each in sides.items() if each == side]
        parts.append(f"{side} at {listed([_level(stop) for stop in own], most=6)}")
    return ", ".join(parts)


def _level(stop: str) -> str:
    return "the primary level" if stop == MATCHED else level_text(level_of(stop))
