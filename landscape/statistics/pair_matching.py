"""How well the training losses of paired runs match at a stop, pair by pair."""

from collections.abc import Mapping
from typing import Any

from landscape.statistics.generalization_gap import finite
from landscape.statistics.matched_loss import comparable, loss_ratio
from landscape.statistics.pairing import Pairing
from landscape.statistics.reading import minimum


def pair_matching(pairings: Mapping[str, Pairing], stop: str, first: str) -> list[dict[str, Any]]:
    """Return a row for each pair of the other optimizers with the first, whether it has minima at the stop or not.

    ``loss_ratio`` is the training loss of the numerator over that of the denominator, None where one has no minimum;
    ``mismatch`` is how far each of the two is from the target, relative to it, at a matched loss; ``compared`` says
    whether the statistics take the pair.

    Args:
        pairings: What `pairings` returned for the runs.
        stop: Where the minima are taken.
        first: The optimizer that the others are compared with.
    """
    rows = []
    for other, (pairs, _) in pairings.items():
        for pair in pairs:
            two = pair.numerator, pair.denominator
            rows.append(
                {
                    "numerator": other,
                    "denominator": first,
                    "seed": pair.seed,
                    "lr_rank": pair.lr_rank,
                    "runs": [run.get("id") for run in two],
                    "loss_ratio": loss_ratio(*two, stop),
                    "mismatch": [finite((minimum(run, stop) or {}).get("mismatch")) for run in two],
                    "compared": all(comparable(run, stop) for run in two),
                }
            )
    return rows
