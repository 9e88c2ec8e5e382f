"""What a terminal shows of a tracked training, in plain text."""

import itertools
import textwrap
from typing import Any

from landscape.report.escape import one_line
from landscape.report.numbers import number, with_error
from landscape.report.table import Row, Table
from landscape.report.terminal import text_table

MOST_ROWS = 20


def title(result: dict[str, Any]) -> str:
    """Return what was followed in a few words."""
    return one_line(f"Curvature along training: {result['name']}")


def track_text(result: dict[str, Any], width: int = 80) -> str:
    """Return the rows and what they come to, in at most ``width`` columns; ``!`` marks what did not converge."""
    sentences = [settings_sentence(result), crossing_sentence(result), cost_sentence(result)]
    parts = [title(result), *(_wrapped(sentence, width) for sentence in sentences[:1])]
    parts.append(text_table(rows_table(result, MOST_ROWS), width))
    parts += [_wrapped(sentence, width) for sentence in sentences[1:]]
    if result["summary"]["message"]:
        parts.append(_wrapped(f"! {result['summary']['message']}", width))
    parts += [_wrapped(f"! {sentence}", width) for sentence in unconverged(result)]
    return "\n\n".join(parts) + "\n"


def rows_table(result: dict[str, Any], most: int) -> Table:
    """Return a row a stop, evenly thinned to ``most`` of them."""
    rows = result["rows"]
    chosen = rows if len(rows) <= most else [rows[round(i * (len(rows) - 1) / (most - 1))] for i in range(most)]
    own = "preconditioned_top_eigenvalue" if result["summary"]["preconditioned"] else "top_eigenvalue"
    header = ["step", "loss", "top eigenvalue", "edge", "ratio"]
    if own != "top_eigenvalue":
        header.insert(3, "preconditioned")
    cells = tuple(_row(row, own) for row in chosen)
    left = f" {len(chosen)} of {len(rows)} stops." if len(chosen) < len(rows) else ""
    text = f"Stops; the bound of an eigenvalue holds if none was missed, its residual is in the files.{left}"
    return Table("stops", text, tuple(header), cells)


def _row(row: dict[str, Any], own: str) -> Row:
    mark = "" if row["converged"] else " !"
    values = [with_error(row["top_eigenvalue"], row["top_eigenvalue_bound"])]
    if own != "top_eigenvalue":
        values.append(with_error(row[own], row[f"{own}_bound"]))
    ratio = number(row["ratio"], 4) + mark
    loss = "diverged" if row["diverged"] else number(row["train_loss"], 4)
    return (str(row["step"]), loss, *values, number(row["edge"], 4), ratio)


def settings_sentence(result: dict[str, Any]) -> str:
    """Return what was trained and measured, in one or two sentences."""
    made = result["settings"]
    batch = "full batch" if made["steps_per_epoch"] == 1 else f"batches of {made['batch_size']}"
    often = "step" if made["every"] == 1 else f"{made['every']} steps"
    options = ", ".join(f"{key} {_plain(value)}" for key, value in made["optimizer_options"].items())
    return one_line(
        f"{made['steps']:,} steps, {batch} of {made['train_examples']:,} examples, {made['loss']}; {options}. Measured "
        f"every {often} over {made['examples']:,} examples, BatchNorm in {made['batch_norm']} mode; "
        f"{made['parameters']:,} parameters, {made['dtype']} on {made['device']}."
    )


def crossing_sentence(result: dict[str, Any]) -> str:
    """Return whether the sharpness reached the edge, and where it settled."""
    found = result["summary"]["crossing"]
    if found["largest_ratio"] is None:
        return next((row["edge_note"] for row in result["rows"] if row["edge_note"]), "No edge was compared with.")
    of = next(row["edge_note"] for row in result["rows"] if row["edge"] is not None)
    if found["step"] is None:
        ratios = [row["ratio"] for row in result["rows"] if row["ratio"] is not None]
        later = list(itertools.dropwhile(lambda ratio: ratio > 1, ratios))
        if len(later) < len(ratios):
            return (
                f"The edge ({of}) was not reached after the start, which lay above it "
                f"({number(max(ratios), 4)} of it): the largest ratio from then on is {number(max(later), 4)}."
            )
        return f"The edge ({of}) was never reached: the largest ratio is {number(max(ratios), 4)}."
    return (
        f"The edge ({of}) was reached by step {found['step']:,}; from there on sharpness is "
        f"{number(found['mean_ratio'], 4)} of the edge in the mean of {found['stops']} stops."
    )


def cost_sentence(result: dict[str, Any]) -> str:
    """Return what measuring cost, beside training."""
    cost = result["summary"]
    share = cost["share_of_training_time"]
    of_it = ""
    if share is not None:
        of_it = f", {number(100 * share, 2)} % of it" if share < 2 else f", {number(share, 2)} times as long"
    return (
        f"Training took {number(cost['seconds_training'])} s and measuring {number(cost['seconds_measuring'])} s"
        f"{of_it}: {cost['matvecs']:,} products, {cost['matvecs_per_stop']} at a usual stop."
    )


def unconverged(result: dict[str, Any]) -> list[str]:
    """Return a sentence for each kind of failure."""
    bad = [row for row in result["rows"] if not row["converged"] and not row["diverged"]]
    if not bad:
        return []
    return [f"{len(bad)} stops did not converge, the first at step {bad[0]['step']}: {bad[0]['reason'].rstrip('.')}."]


def _plain(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return ",".join(f"{each:g}" for each in value) if isinstance(value, list | tuple) else str(value)


def _wrapped(text: str, width: int) -> str:
    return textwrap.fill(one_line(text), width, break_long_words=False, break_on_hyphens=False)
