"""The sentences beside the two answers, from rows that are written by hand: each rule at both of its sides."""

import pytest
from studies import product

from landscape.statistics.best_learning_rate import Edge
from landscape.statistics.beyond_sentences import beyond_sentences
from landscape.statistics.interventions import STAYS
from landscape.statistics.meaning import Meaning

TRACE, TOP = Meaning("trace", "trace"), Meaning("top_eigenvalue", "top eigenvalue")
ALONG = "Along the learning rate, "
RUNS = product(lambda *_: ({"trace": 1.0}, 0.1), ranks=2, seeds=3)
ONE = product(lambda *_: ({"trace": 1.0}, 0.1), optimizers=("sgd",), ranks=2, seeds=3)


def sentences(runs=RUNS, optimizers=("sgd", "adam"), measures=(TRACE,), edges=(), **rows):
    seeds = [{"measure": "trace", "gap": "gap_loss", "seeds": 5}]
    relations = {"matched": {"correlations": seeds, **rows}}
    return beyond_sentences(runs, relations, list(measures), optimizers, edges)


def partial(measure="trace", value=0.5, low=0.3, high=0.7, p_value=0.001):
    head = {"measure": measure, "gap": "gap_loss", "group": "all", "given": "learning_rate"}
    return head | {"value": value, "low": low, "high": high, "p_value": p_value}


def against(measure, answer, p_value=0.001):
    return {
        "measure": measure,
        "gap": "gap_loss",
        "value": 0.2,
        "low": 0.1,
        "high": 0.3,
        "answer": answer,
        "p_value": p_value,
    }


def along(axis, low, high):
    return {"measure": "trace", "gap": "gap_loss", "axis": axis, "low": low, "high": high}


@pytest.mark.parametrize(
    ("record", "clear"),
    [
        (partial(), True),
        (partial(value=-0.5, low=-0.7, high=-0.3), True),
        (partial(value=-0.9, low=-0.99, high=-0.5), True),
        (partial(p_value=0.06), False),
        (partial(low=-0.1), False),
        (partial(value=-0.5, low=-0.7, high=0.1), False),
    ],
)
def test_a_measure_explains_where_both_its_interval_and_its_p_value_say_so(record, clear):
    (said,) = sentences(partial=[record])
    assert ("trace explains" in said) is clear
    assert ("no measure clearly explains" in said) is not clear


def test_the_partial_coefficients_are_given_what_differs():
    (two,) = sentences(partial=[partial()])
    assert two.startswith("Given the optimizer and the learning rate, of the ranks")
    (one,) = sentences(ONE, ("sgd",), partial=[partial()])
    assert one.startswith("Given the learning rate, of the ranks")


def test_at_the_edge_every_sentence_but_the_last_speaks_of_the_learning_rates_tried():
    moved = {"measure": "trace", "gap": "gap_loss", "kind": "rescaling", "optimizer": "sgd", "control": False}
    explained, stays = sentences(
        partial=[partial()],
        interventions=[moved | {"answer": STAYS, "ratio": 4.0}],
        edges=[Edge("sgd", ("0.1",), "test accuracy")],
    )
    assert explained.startswith("At the learning rates tried only: given the optimizer and the learning rate, of")
    assert stays.startswith("Moving the minimum without changing its function moved trace (by up to 4")


def test_what_beats_the_learning_rate_and_what_is_beaten_by_it():
    (beats,) = sentences(measures=(TRACE, TOP), against_learning_rate=[
        against("trace", "beats it"), against("top_eigenvalue", "undecided"),
    ])  # fmt: skip
    assert beats == f"{ALONG}trace orders the gap better than the learning rate itself."
    (beaten,) = sentences(measures=(TRACE, TOP), against_learning_rate=[
        against("trace", "is beaten"), against("top_eigenvalue", "undecided"),
    ])  # fmt: skip
    assert beaten.endswith(
        "no measure clearly orders the gap better than the learning rate itself (trace clearly worse)."
    )
    (unclear,) = sentences(against_learning_rate=[against("trace", "beats it", p_value=0.06)])
    assert unclear.endswith("no measure clearly orders the gap better than the learning rate itself.")


@pytest.mark.parametrize(
    ("ends", "changes"), [((-0.7, -0.2), True), ((-0.99, -0.5), True), ((-0.7, 0.1), False), ((None, None), False)]
)
def test_a_sign_changes_where_two_intervals_lie_on_two_sides(ends, changes):
    rows = [along("lr", 0.2, 0.7), along("batch_size", *ends), along("mean", -0.9, -0.8)]
    said = sentences(granulated=rows)
    expected = (
        "It changes sign with what is varied: trace goes with the gap along the learning rate and against it along the "
        "batch size."
    )
    assert said == [expected] * changes
