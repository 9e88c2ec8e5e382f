"""Processes that share a problem: an error of one is raised in all, and what is not one problem is refused."""

import pytest
import shared_cases
import torch
from real_processes import run_processes
from shared_cases import CASES, MEASURES, measured


@pytest.fixture(scope="module", params=[2, 3])
def processes(request, tmp_path_factory):
    """What each of 2 or 3 gloo processes found."""
    return run_processes(shared_cases.__file__, request.param, tmp_path_factory.mktemp("shared"))


@pytest.mark.parametrize("case", CASES)
def test_measures_have_the_values_and_reasons_of_one_process(processes, case):
    alone = measured(case)
    for found in (each[case] for each in processes):
        for name in MEASURES:
            (value, reason), (expected, expected_reason) = found[name], alone[name]
            assert (value is None) == (expected is None), (name, reason, expected_reason)
            if value is None:
                assert reason == expected_reason
            else:
                assert value == pytest.approx(expected, rel=1e-6)


def test_the_cases_are_what_they_say():
    values = {case: {name for name, (value, _) in measured(case).items() if value is None} for case in CASES}
    no_second, no_criterion, breaks = values.values()
    assert {"average_sharpness", "worst_case_sharpness"} <= breaks < set(MEASURES)
    assert {"top_eigenvalue"} <= no_second < set(MEASURES)
    assert {"gauss_newton_trace"} <= no_criterion < set(MEASURES)


def test_an_error_of_one_process_is_raised_in_all(processes):
    for found in processes:
        for name in ("alone", "last alone"):
            assert found[name] == [("ValueError", "broken")] * 3 + [len(processes)]


def test_an_error_that_cannot_be_read_again_is_told_in_words(processes):
    for found in processes:
        assert found["unreadable"] == [("RuntimeError", "Unreadable: one and two")] * 3 + [len(processes)]


def test_processes_that_do_not_share_one_problem_are_refused(processes):
    for found in processes:
        for name, (kind, words) in found["different"].items():
            assert kind == "ProblemError", name
            assert f"the {name.split(',')[0]} of process 0 and process 1 differ" in words
            assert "DistributedSampler" in words
            assert words.count("process 0") == 1
        assert "differ (12 and 13)" in found["different"]["numbers of examples"][1]


def test_a_loader_that_shuffles_is_one_problem(processes):
    assert all(each["shuffled"] == processes[0]["shuffled"] for each in processes)
    assert isinstance(processes[0]["shuffled"], float)


def test_one_process_raises_at_once():
    from landscape.ranks import ALONE

    with pytest.raises(ValueError, match="at once"), ALONE.own_work():
        raise ValueError("at once")
    with pytest.raises(ValueError, match="at once"), ALONE.together():
        raise ValueError("at once")
    with ALONE.own_work() as own:
        ones = torch.ones(2)
    assert ALONE.add_all([ones], own)[0] is ones
