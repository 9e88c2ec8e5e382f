import pytest
import torch

from landscape.data.subset import choose
from landscape.errors import UsageError

LABELS = torch.arange(1000).remainder(7)


@pytest.mark.parametrize("count", [1, 3, 7, 100, 699, 999])
def test_class_counts_differ_by_at_most_one(count):
    taken = choose(LABELS, count, 7, "balanced", seed=0)
    counts = LABELS[taken].bincount(minlength=7)
    assert counts.sum() == count
    assert counts.max() - counts.min() <= 1
    assert taken.tolist() == sorted(set(taken.tolist()))


def test_which_classes_get_one_more_depends_on_the_seed():
    winners = {int(LABELS[choose(LABELS, 1, 7, "balanced", seed)]) for seed in range(30)}
    assert len(winners) > 3


def test_the_choice_is_that_of_its_seed():
    again = [choose(LABELS, 100, 7, "balanced", seed).tolist() for seed in (0, 0, 1)]
    assert again[0] == again[1] != again[2]


def test_members_of_a_class_are_drawn_from_all_of_it():
    taken = choose(LABELS, 70, 7, "balanced", seed=0)
    assert 300 < taken.float().mean() < 700


def test_a_small_choice_is_part_of_a_larger_one():
    small, large = (set(choose(LABELS, count, 7, "balanced", seed=5).tolist()) for count in (90, 400))
    assert small < large


def test_a_class_with_too_few_examples_gives_all_it_has():
    y = torch.tensor([0] * 3 + [1] * 50 + [2] * 50)
    counts = y[choose(y, 63, 3, "balanced", seed=0)].bincount()
    assert counts.tolist() == [3, 30, 30]


def test_first_are_the_first():
    assert choose(LABELS, 5, 7, "first", seed=1).tolist() == [0, 1, 2, 3, 4]


def test_none_takes_all_in_order():
    assert choose(LABELS, None, 7, "balanced", seed=1).tolist() == list(range(1000))


@pytest.mark.parametrize("count", [0, -3, 1001])
@pytest.mark.parametrize("rule", ["first", "balanced"])
def test_impossible_sizes(count, rule):
    with pytest.raises(UsageError, match=f"Cannot train on {count} examples: there are 1000"):
        choose(LABELS, count, 7, rule, seed=0)


def test_regression_has_no_balance():
    with pytest.raises(UsageError, match="needs classes"):
        choose(torch.zeros(9, 1), 5, None, "balanced", seed=0)
