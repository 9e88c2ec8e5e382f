import numpy as np
import pytest
from studies import product

from landscape.statistics.against_learning_rate import BEATS, LOSES, UNDECIDED, against_learning_rate
from landscape.statistics.columns import columns_of
from landscape.statistics.settings_grid import settings_grid


def compared(function, **more):
    columns = columns_of(product(function, **more), "matched", ["trace"], ["sgd", "adam"])
    return against_learning_rate(
        columns, settings_grid(columns), columns.measures["trace"], columns.gaps["gap_loss"],
        confidence=0.95, resamples=300, seed=0,
    )  # fmt: skip


def test_a_copy_of_the_gap_beats_it_and_noise_is_beaten():
    rng = np.random.default_rng(0)

    def copy(o, rank, seed):
        gap = 0.5 * rank + rng.normal()
        return {"trace": np.exp(gap)}, gap

    found = compared(copy, seeds=20)
    assert (found["measure_psi"], found["answer"]) == (1.0, BEATS)
    assert found["value"] == pytest.approx(1 - abs(found["learning_rate_psi"]))
    assert 0 < found["low"] < found["value"]
    noise = compared(lambda o, rank, seed: ({"trace": rng.normal()}, rank + 0.1 * rng.normal()), seeds=20)
    assert noise["answer"] == LOSES
    assert noise["learning_rate_psi"] == pytest.approx(1.0, abs=0.02)


def test_what_repeats_the_learning_rate_does_not_beat_it():
    rng = np.random.default_rng(1)
    found = compared(lambda o, rank, seed: ({"trace": rank + 0.1}, 0.5 * rank + rng.normal()))
    assert (found["value"], found["answer"]) == (0.0, UNDECIDED)


def test_falling_with_the_learning_rate_counts_as_rising_does():
    rng = np.random.default_rng(2)
    found = compared(lambda o, rank, seed: ({"trace": 9.0 - rank}, rank + 0.5 * rng.normal()))
    assert (found["measure_psi"], found["value"]) == (-found["learning_rate_psi"], 0.0)


def test_one_learning_rate_each():
    found = compared(lambda *_: ({"trace": 1.0}, 1.0), ranks=1)
    assert (found["value"], found["answer"]) == (None, UNDECIDED)
    assert "one learning rate" in found["note"]
