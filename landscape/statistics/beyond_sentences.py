"""What the rows say beyond the two questions: sentences by stated rules, none where there is nothing to say."""

from collections.abc import Mapping, Sequence
from typing import Any

from landscape.statistics.against_learning_rate import BEATS, LOSES
from landscape.statistics.best_learning_rate import Edge
from landscape.statistics.cluster_bootstrap import MIN_SEEDS
from landscape.statistics.columns import GROUNDS, LEARNING_RATE
from landscape.statistics.explains import unmatched
from landscape.statistics.granulated import MEAN
from landscape.statistics.interventions import FOLLOWS, OPPOSITE, STAYS
from landscape.statistics.meaning import Meaning, factor_words, listed, number, optimizer_words, plural, quantities
from landscape.statistics.multiple_comparisons import holm
from landscape.statistics.reading import MATCHED, Run

GAP = "gap_loss"


def beyond_sentences(
    runs: Sequence[Run],
    relations: Mapping[str, Any],
    measures: Sequence[Meaning],
    optimizers: Sequence[str],
    edges: Sequence[Edge] = (),
) -> list[str]:
    """Return what is left of each sharpness beside the hyper-parameters, at the matched training loss.

    Rules, for the gap in loss and one measure of each quantity: it explains a share of the gap where its partial
    coefficient given optimizer, network, data set and learning rate differs from zero after Holm's correction over the
    measures; the share is the square, of the variance of ranks. It beats the learning rate where that row says so after
    the same correction. It changes sign along hyper-parameters, or is followed by the gap, where the intervals of two
    rows, or of what was moved and of the gap, say so. Nothing is said of rows without an interval, nor where most runs
    of an optimizer are not at the matched training loss. Where a best learning rate lies at the edge of those tried,
    each says that it speaks of these alone; not the last, for what leaves the function as it is does so at any.

    Args:
        runs: The ``runs`` of ``report.json``.
        relations: What ``relate`` returned.
        measures: How each measure is read.
        optimizers: Names.
        edges: Whose best learning rate lies at the edge of those tried.
    """
    rows = relations.get(MATCHED) or {}
    chosen = [group[0] for group in quantities(measures)]
    if not any(_seeds(rows, each) >= MIN_SEEDS for each in chosen) or unmatched(runs, optimizers):
        return []
    found = [
        _explained(rows, chosen, _given(runs, optimizers)),
        _against_learning_rate(rows, chosen),
        _changes_sign(rows, chosen),
        _followed(rows, chosen),
    ]
    if edges:
        found = [f"At the learning rates tried only: {each[0].lower()}{each[1:]}" for each in found if each]
    return [each for each in (*found, _stays(rows, chosen)) if each]


def _seeds(rows: Mapping[str, Any], meaning: Meaning) -> int:
    return max(
        (each["seeds"] for each in rows.get("correlations", []) if each["measure"] == meaning.measure), default=0
    )


def _given(runs: Sequence[Run], optimizers: Sequence[str]) -> str:
    """What the partial coefficients are given, beside the learning rate where there are several of it."""
    several = [name for name in GROUNDS if len({(run.get("factors") or {}).get(name) for run in runs}) > 1]
    names = [*(["optimizer"] if len(optimizers) > 1 else []), *several, "lr"]
    return listed([factor_words(name) for name in names], most=len(names))


def _explained(rows: Mapping[str, Any], chosen: Sequence[Meaning], known_too: str) -> str:
    given = {"group": "all", "gap": GAP, "given": LEARNING_RATE}
    records = [(each, _pick(rows, "partial", each.measure, **given)) for each in chosen]
    known = [(each, record) for each, record in records if record and record["p_value"] is not None]
    if not known:
        return ""
    corrected = holm([record["p_value"] for _, record in known])
    clear = [
        (each, record)
        for (each, record), p in zip(known, corrected, strict=True)
        if p is not None and p < 0.05 and (record["low"] > 0 or record["high"] < 0)
    ]
    beside = f"Given {known_too}"
    if clear:
        parts = [f"{each.words} explains {_share(record)}" for each, record in clear]
        return f"{beside}, of the ranks of the gap in loss {listed(parts)}."
    each, most = max(known, key=lambda pair: abs(pair[1]["value"]))
    return f"{beside}, no measure clearly explains any of the gap in loss; the most is {each.words}, {_share(most)}."


def _share(record: Mapping[str, Any]) -> str:
    """The square of a coefficient as a share, with its interval."""
    ends = sorted(each**2 for each in (record["low"], record["high"]))
    low = 0.0 if record["low"] <= 0 <= record["high"] else ends[0]
    value, low, high = (100 * each for each in (record["value"] ** 2, low, ends[1]))
    sign = "" if record["value"] >= 0 else "negative, "
    return f"{number(value)} % ({sign}interval {number(low)} to {number(high)} %)"


def _against_learning_rate(rows: Mapping[str, Any], chosen: Sequence[Meaning]) -> str:
    records = [(each, _pick(rows, "against_learning_rate", each.measure, gap=GAP)) for each in chosen]
    known = [(each, record) for each, record in records if record and record["low"] is not None]
    corrected = holm([record["p_value"] for _, record in known])
    clear = [pair for pair, p in zip(known, corrected, strict=True) if p is not None and p < 0.05]
    found = {answer: [each.words for each, record in clear if record["answer"] == answer] for answer in (BEATS, LOSES)}
    if found[BEATS]:
        verb = "order" if len(found[BEATS]) > 1 else "orders"
        return f"Along the learning rate, {listed(found[BEATS])} {verb} the gap better than the learning rate itself."
    if known:
        beaten = f" ({listed(found[LOSES])} clearly worse)" if found[LOSES] else ""
        return (
            f"Along the learning rate, no measure clearly orders the gap better than the learning rate itself{beaten}."
        )
    return ""


def _changes_sign(rows: Mapping[str, Any], chosen: Sequence[Meaning]) -> str:
    parts = []
    for each in chosen:
        own = [row for row in rows.get("granulated", []) if (row["measure"], row["gap"]) == (each.measure, GAP)]
        sides = {row["axis"]: _side(row) for row in own if row["axis"] != MEAN}
        up, down = ([factor_words(axis) for axis, side in sides.items() if side == wanted] for wanted in (1, -1))
        if up and down:
            parts.append(f"{each.words} goes with the gap along {listed(up)} and against it along {listed(down)}")
    return f"It changes sign with what is varied: {listed(parts)}." if parts else ""


def _side(row: Mapping[str, Any]) -> int:
    return 0 if row["low"] is None else int(row["low"] > 0) - int(row["high"] < 0)


def _followed(rows: Mapping[str, Any], chosen: Sequence[Meaning]) -> str:
    """In how many changes of training the gap followed the sharpness that they moved, and where it did not."""
    words = {each.measure: each.words for each in chosen}
    own = [row for row in rows.get("interventions", []) if row["gap"] == GAP and row["measure"] in words]
    told = [row for row in own if row["answer"] in (FOLLOWS, OPPOSITE) and not row["control"]]
    if not told:
        return ""
    # one change of training moves several measures and one gap: it is told once
    changes: dict[tuple[str, str], list[Mapping[str, Any]]] = {}
    for row in told:
        changes.setdefault((row["kind"], row["optimizer"]), []).append(row)
    against = {
        change: listed([words[row["measure"]] for row in rows if row["answer"] == OPPOSITE])
        for change, rows in changes.items()
        if any(row["answer"] == OPPOSITE for row in rows)
    }
    text = (
        f"Where training moved a sharpness and the gap clearly, the gap followed in {len(changes) - len(against)} of "
        f"{plural(len(changes), 'such change')}"
    )
    other_way = [f"{moved} ({kind}, {optimizer_words(name)})" for (kind, name), moved in against.items()]
    return f"{text}{'; it went the other way for ' + listed(other_way) if against else ''}."


def _stays(rows: Mapping[str, Any], chosen: Sequence[Meaning]) -> str:
    words = {each.measure: each.words for each in chosen}
    own = [
        row
        for row in rows.get("interventions", [])
        if row["gap"] == GAP and row["measure"] in words and row["answer"] == STAYS
    ]
    if not own:
        return ""
    most = max(own, key=lambda row: max(row["ratio"], 1 / row["ratio"]))
    factor = max(most["ratio"], 1 / most["ratio"])
    names = listed(list(dict.fromkeys(words[row["measure"]] for row in own)))
    return (
        f"Moving the minimum without changing its function moved {names} (by up to {number(factor)} times, "
        f"{most['kind']}) and not the gap, so what these measure in part is coordinates."
    )


def _pick(rows: Mapping[str, Any], kind: str, measure: str, **keys: Any) -> Mapping[str, Any] | None:
    wanted = {"measure": measure, **keys}
    for each in rows.get(kind, []):
        if all(each.get(key) == value for key, value in wanted.items()):
            found: Mapping[str, Any] = each
            return found
    return None
