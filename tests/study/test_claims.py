"""Claims on runs: real processes, real kills, no clock that matters."""

import multiprocessing
import os
import subprocess
import sys
import time

import pytest

from landscape.study.claims import Claims

# fork: what a claim needs is a process with a number of its own, not another start of Python
processes = multiprocessing.get_context("fork")


def work(folder, task, log, seconds=0.0):
    def do():
        time.sleep(seconds)
        with open(log, "a") as file:
            file.write(f"{task}\n")

    Claims(folder).work(task, do)


def test_one_of_many_gets_a_task(tmp_path):
    claims, tasks = Claims(tmp_path / "claims"), [f"run-{index}" for index in range(20)]
    for task in tasks:
        claims.offer(task)

    def take_all():
        for task in tasks:
            work(tmp_path / "claims", task, tmp_path / "log", 0.002)

    others = [processes.Process(target=take_all) for _ in range(4)]
    for each in others:
        each.start()
    for each in others:
        each.join()
    assert sorted((tmp_path / "log").read_text().split()) == sorted(tasks)
    assert all(claims.is_done(task) for task in tasks)
    claims.close()
    assert not (tmp_path / "claims").exists()


def test_a_killed_process_of_this_machine_loses_its_claim_at_once(tmp_path):
    claims = Claims(tmp_path)
    claims.offer("a")
    other = processes.Process(target=work, args=(tmp_path, "a", tmp_path / "log", 60))
    other.start()
    while not list(tmp_path.glob("a@*-*")):
        time.sleep(0.01)
    assert not claims.reopen("a")
    assert not claims.is_done("a")
    other.kill()
    other.join()
    assert claims.reopen("a")
    assert claims.work("a", lambda: None)
    assert claims.is_done("a")


def test_a_claim_of_another_machine_is_dead_when_its_beats_stand_still(tmp_path, monkeypatch):
    claims = Claims(tmp_path, patience=0.3)
    foreign = tmp_path / "a@elsewhere-1-1"
    foreign.touch()
    count = 10**18
    for _ in range(10):
        # counts that go down: what its clock says does not matter, only that something moves
        count -= 1
        os.utime(foreign, ns=(count, count))
        assert not claims.reopen("a")
        time.sleep(0.1)
    end = time.monotonic() + 10
    while not claims.reopen("a") and time.monotonic() < end:
        time.sleep(0.05)
    assert [each.name for each in tmp_path.iterdir()] == ["a@open"]


def test_a_claim_beats_while_its_work_lasts(tmp_path):
    claims = Claims(tmp_path, beat=0.01)
    claims.offer("a")
    seen = set()

    def do():
        (claim,) = tmp_path.glob("a@*")
        end = time.monotonic() + 10
        while len(seen) < 5 and time.monotonic() < end:
            seen.add(claim.stat().st_mtime_ns)
            time.sleep(0.005)

    assert claims.work("a", do)
    assert len(seen) >= 5


def test_a_failure_leaves_the_task_open(tmp_path):
    claims = Claims(tmp_path)
    claims.offer("a")
    with pytest.raises(ZeroDivisionError):
        claims.work("a", lambda: 1 / 0)
    assert claims.work("a", lambda: None)


def test_a_process_that_was_taken_over_ends_in_peace(tmp_path):
    """Halted for long, it wakes when another has its task: its claim is gone, and nothing breaks."""
    claims = Claims(tmp_path, beat=0.01)
    claims.offer("a")

    def lose():
        (claim,) = tmp_path.glob("a@*")
        claim.rename(tmp_path / "a@elsewhere-1-1")
        time.sleep(0.05)

    assert claims.work("a", lose)
    assert [each.name for each in tmp_path.iterdir()] == ["a@elsewhere-1-1"]


def test_the_process_numbers_of_another_machine_are_not_looked_up(tmp_path):
    gone = subprocess.run([sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, text=True)
    claims = Claims(tmp_path)
    (tmp_path / f"a@elsewhere-1-{gone.stdout.strip()}").touch()
    assert not claims.reopen("a")
